"""What people marked as wrong or right in ``data/feedback``."""
