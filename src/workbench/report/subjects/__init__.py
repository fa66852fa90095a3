"""Pages for the people in the data, and for those who answer for it."""
