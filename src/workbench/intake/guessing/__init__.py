"""Guess what undescribed files hold: their table and columns, with reasons and doubts."""
