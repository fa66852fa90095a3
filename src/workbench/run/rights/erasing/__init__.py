"""Erasing people: from what gives them away to the search that proves it."""
