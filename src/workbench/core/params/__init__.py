"""The profile and its parameters: sources, goal and run; those of a stage stand in its declaration."""
