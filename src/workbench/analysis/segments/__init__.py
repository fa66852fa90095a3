"""Segment definitions: naming, matching between versions, assigning customers, comparing."""
