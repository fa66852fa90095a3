"""Checks before a run, and stage keys, which decide whether a stage runs again."""
