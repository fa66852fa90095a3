"""Requests of people: the register, access, correction."""
