"""Features of campaigns, service, surveys, relations and declared attributes."""
