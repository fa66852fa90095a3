"""Clustering: finding groups of customers and testing whether they are real."""
