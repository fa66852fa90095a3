"""For whom an experiment worked: interactions, rankings by uplift, policies."""
