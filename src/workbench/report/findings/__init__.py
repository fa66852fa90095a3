"""Findings: the sentences each stage states, one module per stage."""
