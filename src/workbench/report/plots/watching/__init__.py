"""Charts of 13_watch_changes."""
