"""Fitting, judging and explaining models of churn."""
