"""Charts: one theme, marks shared by all, one module per topic."""
