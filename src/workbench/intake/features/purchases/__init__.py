"""Features of order lines."""
