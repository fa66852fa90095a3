"""Read text files: encodings, lines, records and headers, with every record accounted for."""
