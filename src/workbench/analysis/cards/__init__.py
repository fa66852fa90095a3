"""The portrait card of one customer: what is known, on what evidence, and what is not."""
