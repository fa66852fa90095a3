"""Identity resolution: find the records that belong to the same customer; used by 02_resolve_identity."""
