"""Finding groups and judging whether they are there."""
