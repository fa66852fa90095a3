"""Pages about runs: the index over all profiles, and the graph of one run."""
