"""Recency, frequency, money and the life cycle."""
