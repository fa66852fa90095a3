"""From summaries to figures, tables and pages, in English and Chinese."""
