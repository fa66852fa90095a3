"""Cards and pages for customers, personas, audiences, models and tags."""
