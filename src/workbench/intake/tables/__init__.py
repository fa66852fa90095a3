"""From sources to canonical tables."""
