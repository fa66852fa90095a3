"""Commands for the rights of the people in the data."""
