"""Surveys: one column per question brought to one row per answer, and questionnaires that say what is valid."""
