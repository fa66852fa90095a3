"""Features of web and app events."""
