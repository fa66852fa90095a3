"""The lists of customers beside the report, in words and as a page."""
