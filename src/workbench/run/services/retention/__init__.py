"""How long results are kept, and what is deleted when."""
