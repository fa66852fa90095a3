"""Retention: find and delete results that are older than their limit."""
