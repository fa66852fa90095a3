"""Descriptive statistics: who the customers are and how they behave."""
