"""Portraits of groups: any segment, audience or tag value against the base."""
