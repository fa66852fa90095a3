"""Rights of data subjects: access, erasure, correction, restriction, and the register of requests."""
