"""Charts of portraits: groups against everybody, journeys, regions, accounts."""
