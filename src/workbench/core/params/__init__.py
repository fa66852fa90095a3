"""The profile and its parameters: sources, goal and run; each stage declares its own parameters."""
