"""The features in words, by group: each stands here once."""
