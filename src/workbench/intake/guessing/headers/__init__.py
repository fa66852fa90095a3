"""What the header of a column says: its parts, their words in seven languages, units and currencies."""
