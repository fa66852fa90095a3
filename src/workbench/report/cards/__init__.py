"""Cards and pages about one thing: a customer, a persona, an audience, a model, a tag."""
