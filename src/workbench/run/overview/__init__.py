"""Overview pages: the index of all runs, and the stages and tables of one run."""
