"""What the values of a column say: dates, patterns, money, and which columns of other files they refer to."""
