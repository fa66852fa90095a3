"""Findings: the sentences of each stage for the report, one module per stage."""
