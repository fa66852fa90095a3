"""What gives people away, where it may lie, and what an erasure has begun."""
