"""Findings of 08_predict_churn."""
