"""Mark registered models for retraining after an erasure, since they may have learned from erased people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlflow import MlflowClient

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["RETRAIN_TAG", "mark_for_retraining", "registered_models"]

KINDS, RETRAIN_TAG = ("churn", "value"), "workbench.retrain_since"


def mark_for_retraining(workspace: Workspace, profiles: Iterable[str], *, since: str) -> int:
    """Tag the registered models of profiles as due for retraining since a day; return the number of versions."""
    client = MlflowClient(f"sqlite:///{workspace.tracking / 'mlflow.db'}")
    marked = 0
    for profile in profiles:
        for kind in KINDS:
            for version in client.search_model_versions(f"name = '{kind}-{profile}'"):
                client.set_model_version_tag(version.name, version.version, RETRAIN_TAG, since)
                marked += 1
    return marked


def registered_models(workspace: Workspace, profile: str) -> list[dict[str, Any]]:
    """Return the registered models of a profile: name, version, champion, trained_on, retrain (since when)."""
    client = MlflowClient(f"sqlite:///{workspace.tracking / 'mlflow.db'}")
    entries = []
    for kind in KINDS:
        versions = client.search_model_versions(f"name = '{kind}-{profile}'")
        champion = _champion(client, f"{kind}-{profile}") if versions else ""
        entries += [
            {"name": version.name, "version": str(version.version), "champion": str(version.version) == champion,
             "trained_on": version.tags.get("as_of", ""), "retrain": version.tags.get(RETRAIN_TAG, "")}
            for version in sorted(versions, key=lambda version: -int(version.version))
        ]  # fmt: skip
    return entries


def _champion(client: MlflowClient, name: str) -> str:
    aliases = client.get_registered_model(name).aliases
    return str(aliases.get("champion", "")) if aliases else ""
