"""The rights of the people in the data: access, erasure, correction, restriction, and the register of requests."""
