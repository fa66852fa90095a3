"""Turn stage summaries into figures, tables and pages, in English and Chinese."""
