"""What is associated with an outcome: effects, a readable tree, and likely confounding."""
