"""Read files, databases and HTTP endpoints as rows of text."""
