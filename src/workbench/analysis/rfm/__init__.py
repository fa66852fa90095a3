"""RFM scores (recency, frequency, money) and life-cycle stages."""
