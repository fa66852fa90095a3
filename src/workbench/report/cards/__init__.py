"""Cards and pages of a customer, a persona, an audience, a model, a tag."""
