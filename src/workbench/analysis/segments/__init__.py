"""Segment definitions: how they are named, matched, placed and compared."""
