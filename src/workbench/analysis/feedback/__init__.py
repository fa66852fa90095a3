"""What people marked as wrong or right: how often, and what follows for tags, merges, recommendations and segments."""
