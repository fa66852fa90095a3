"""The way back: a plan is frozen, its people are checked once more, and lists are written for the systems that act."""
