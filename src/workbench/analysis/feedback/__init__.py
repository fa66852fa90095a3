"""Feedback: marks of right and wrong, and their effect on tags, merges, recommendations and segments."""
