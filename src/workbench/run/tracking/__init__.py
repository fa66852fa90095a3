"""Tracking in MLflow, the only room that imports it: runs, and the registry of segment definitions."""
