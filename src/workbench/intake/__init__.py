"""From raw files to one row per customer: sources, quality, features, datasets."""
