"""Summary to figure and table, figure and table to page, in English and Chinese."""
