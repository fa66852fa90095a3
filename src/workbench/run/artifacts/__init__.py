"""What a run leaves in the workspace, and the keys that decide whether it is current."""
