"""The proposed profile as text, with the reasons and doubts of each line."""
