"""What a reader returns for a file, and the private files it writes meanwhile."""
