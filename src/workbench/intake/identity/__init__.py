"""Identity: which records of which sources are the same customer; used by 02_resolve_identity."""
