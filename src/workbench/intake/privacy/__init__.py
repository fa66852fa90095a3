"""Contact data outside the contact columns: in ids and in free text; tombstones of erased people."""
