"""Requests of data subjects: register, access, correction."""
