"""From rows of text to typed cells, each accepted, repaired or rejected."""
