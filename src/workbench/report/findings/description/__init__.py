"""What 04_describe_customers found, in sentences."""
