"""Randomised experiments: designs, outcomes, effects, guards, for whom they work, and how to plan one."""
