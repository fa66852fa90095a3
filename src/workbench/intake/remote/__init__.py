"""Remote sources: databases and HTTP endpoints, fetched into a snapshot."""
