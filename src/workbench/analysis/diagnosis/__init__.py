"""What goes along with an outcome: effects, a tree that people can read, and what is likely confounded."""
