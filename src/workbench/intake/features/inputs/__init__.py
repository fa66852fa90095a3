"""What features are computed from: tables cut at the date, order lines, word lists, settings."""
