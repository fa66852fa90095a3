"""What an erasure leaves in the registry: every version of a model that may have learned from the people is marked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlflow import MlflowClient

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["RETRAIN_TAG", "mark_for_retraining"]

RETRAIN_TAG = "workbench.retrain_since"


def mark_for_retraining(workspace: Workspace, profiles: Iterable[str], *, since: str) -> int:
    """Tag the registered models of profiles as due for retraining since a day; return how many versions there are."""
    client = MlflowClient(f"sqlite:///{workspace.tracking / 'mlflow.db'}")
    marked = 0
    for profile in profiles:
        for kind in ("churn", "value"):
            for version in client.search_model_versions(f"name = '{kind}-{profile}'"):
                client.set_model_version_tag(version.name, version.version, RETRAIN_TAG, since)
                marked += 1
    return marked
