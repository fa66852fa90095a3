"""Output of commands on a terminal: tables, escaped text, pictures of pages."""
