"""Tracking in MLflow: runs, models and segment definitions. No other package imports MLflow."""

import os

# before MLflow is imported: no telemetry, no calls of git
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
