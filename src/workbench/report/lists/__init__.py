"""The customer lists of the report: reasons in words, and the page."""
