"""What 06_segment_customers found, in sentences and tables."""
