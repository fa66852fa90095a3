"""Files below data/raw without the rows of a person: every other record as it was, byte for byte or value for value."""
