"""The ``stage`` object of a notebook, and the functions beside it."""
