"""Looking at files nobody has described yet: which table they hold, which column is what, and how sure that is."""
