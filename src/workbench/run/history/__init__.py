"""The runs that a workspace keeps: listed, compared, cleaned."""
