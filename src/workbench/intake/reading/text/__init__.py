"""Text files: encodings, lines, records, headers, and the reader that accounts for every one of them."""
