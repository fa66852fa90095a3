"""Commands about what the workspace keeps."""
