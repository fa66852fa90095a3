"""Erase people: collect their traces, remove them from every file, and verify by a search."""
