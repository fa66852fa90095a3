"""The result of reading a file, and the private files written while reading."""
