"""Findings on what changed, who moved, and whether predictions came true. Serves 13_watch_changes."""
