"""What decides whether a stage runs again (inputs, parameters, code, libraries), and the checks before a run."""
