"""The models of orders and of spend per order."""
