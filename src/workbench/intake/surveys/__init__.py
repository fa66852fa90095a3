"""Surveys: one column per question converted to one row per answer, and questionnaires that define valid answers."""
