"""What customers are worth: models of orders, of spend per order, and of both ahead; for 09_value_customers."""
