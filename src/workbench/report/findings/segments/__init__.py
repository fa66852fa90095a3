"""Findings and tables of 06_segment_customers."""
