"""What a file is: the table it feeds, and which of its columns fill that table."""
