"""Tracking in MLflow: runs, models and segment definitions. No other room imports MLflow."""
