"""The start and the finish of a notebook."""
