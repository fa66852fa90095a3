"""Portraits of companies: groups, buying committees, what their people order and complain about (12_tag_customers)."""
