"""Remove a person's rows from files below data/raw; other records keep their bytes or values."""
