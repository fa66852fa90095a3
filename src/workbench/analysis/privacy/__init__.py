"""Disclosure control: which counts, shares, means and sums may be shown without revealing small groups."""
