"""Cast rows of text to typed cells; every cell is accepted, repaired or rejected."""
