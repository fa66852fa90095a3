"""Portraits of companies: groups, buying committees, orders and complaints of their contacts (12_tag_customers)."""
