"""Who will leave, who will buy, and why: labels, models, alarms, reasons; for 08_predict_churn."""
