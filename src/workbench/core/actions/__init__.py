"""The catalogue of actions: what may be done with a customer, at what cost, for whom, and what it is known to bring."""
