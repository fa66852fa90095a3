"""Fitting, evaluating and explaining churn models."""
