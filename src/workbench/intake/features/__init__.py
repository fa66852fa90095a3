"""Build one row per customer from the canonical tables, as of a date."""
