"""Tracking in MLflow, the only room that imports it: runs, and the registry of segment definitions."""

from workbench.run.tracking.runs import Tracker, store_uri

__all__ = ["Tracker", "store_uri"]
