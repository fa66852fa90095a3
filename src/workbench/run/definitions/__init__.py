"""Definitions of segments, tags, actions and audiences in a workspace."""
