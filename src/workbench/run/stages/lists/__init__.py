"""The customer lists of the report: their inputs, their ranking, their files."""
