"""What may be shown of counts, shares, means and sums without saying something about few customers."""
