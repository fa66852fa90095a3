"""Measures of change between two runs: counts, joint counts, composition, figures with their statistics."""
