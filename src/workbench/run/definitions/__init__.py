"""The segment and tag definitions that a workspace declares or has in use."""
