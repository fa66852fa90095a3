"""What everything stands on: errors, the table schema, stages, parameters, the workspace and the store."""
