"""What 08_predict_churn found, in sentences."""
