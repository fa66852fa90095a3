"""Runs by the clock: when one is due, what wakes the workbench up, and that it runs once."""
