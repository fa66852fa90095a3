"""Turn raw files into one row per customer: sources, quality, identity, features."""
