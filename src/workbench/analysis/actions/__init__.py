"""What to do with whom within a budget: gains, eligibility, hold-out, the choice of actions and its prices."""
