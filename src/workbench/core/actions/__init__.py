"""The catalogue of actions: channel, cost, eligibility and expected gain of each contact with a customer."""
