"""Remove the traces of a person from workspace files: rewrite the file if it stays valid, otherwise remove it."""
