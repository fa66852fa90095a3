"""From canonical tables to one row per customer, as of a date."""
