"""Inputs of features: tables cut at the date, order lines, word lists, settings."""
