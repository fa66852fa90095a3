"""The store: the only reader and writer of tables."""
