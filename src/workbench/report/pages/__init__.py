"""What the report is made of: the answer, its parts, what is left off it, and the page of details beside it."""
