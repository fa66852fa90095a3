"""Sources that are no files: databases and addresses, fetched into a snapshot."""
