"""Findings of 04_describe_customers."""
