"""Feedback in ``data/feedback``: items that people marked as wrong or right."""
