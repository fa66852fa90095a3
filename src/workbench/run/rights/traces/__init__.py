"""Traces of people, the files that may contain them, and the journals of erasures."""
