"""Pages for data subjects, and for the people responsible for the data."""
