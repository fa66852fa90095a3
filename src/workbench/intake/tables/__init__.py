"""Build the canonical tables from the sources."""
