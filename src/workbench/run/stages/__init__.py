"""The ``stage`` object of a notebook, and the functions that notebooks call with it."""
