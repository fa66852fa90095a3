"""Charts of portraits: groups against all customers, journeys, regions, accounts."""
