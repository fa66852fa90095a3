"""Tags: the registry's definitions turned into one Ibis expression each, and what their values show."""
