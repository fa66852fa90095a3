"""The foundation of the package: errors, the table schema, stages, parameters, the workspace and the store."""
