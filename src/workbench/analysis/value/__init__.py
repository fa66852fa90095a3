"""Customer value: models of orders and of spend per order; for 09_value_customers."""
