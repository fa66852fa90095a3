"""From files, databases and addresses to rows of text."""
