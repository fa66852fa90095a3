"""The flow: the stages of a profile in order, run by papermill."""
