"""What changed since an earlier run, and whether its predictions came true. Serves 13_watch_changes."""
