"""Delete tracked runs permanently, with their files; MLflow itself only marks them as deleted."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.entities import ViewType

from workbench.run.tracking.relocation import relocate_store, store_uri

if TYPE_CHECKING:
    from mlflow.entities import Run

    from workbench.core.workspace import Workspace

__all__ = ["dated_runs", "remove_runs"]

_PARENT, _RUN_ID, _AS_OF = "mlflow.parentRunId", "workbench.run_id", "workbench.as_of"
_PAGE = 1000


def dated_runs(workspace: Workspace, profile: str, protected: Collection[str]) -> dict[str, dt.date]:
    """Return run id to as-of date of the tracked runs of a profile; child runs have the date of their parent.

    Runs without a date, protected runs, and runs with a registered version are left out.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    protected : collection of str
        Run ids of the workbench (not MLflow ids).
    """
    client = _client(workspace)
    experiment = client.get_experiment_by_name(profile)
    if experiment is None:
        return {}
    runs = {run.info.run_id: run for run in _all_runs(client, experiment.experiment_id)}
    registered = {version.run_id for version in client.search_model_versions()}
    registered_lineage = {above.info.run_id for run in registered & set(runs) for above in _lineage(runs[run], runs)}
    dates: dict[str, dt.date] = {}
    for name, run in runs.items():
        tags = {tag: value for above in reversed(_lineage(run, runs)) for tag, value in above.data.tags.items()}
        as_of = tags.get(_AS_OF, "")
        if name not in registered_lineage and tags.get(_RUN_ID) not in protected and as_of[:1].isdigit():
            dates[name] = dt.date.fromisoformat(as_of)
    return dates


def remove_runs(workspace: Workspace, runs: Sequence[str]) -> None:
    """Delete tracked runs from the store, with their metrics, parameters, tags, inputs and files.

    Parameters
    ----------
    workspace : Workspace
    runs : sequence of str
        MLflow ids.
    """
    client = _client(workspace)
    store: Any = client._tracking_client.store
    for name in runs:
        run = client.get_run(name)
        folder = Path(url2pathname(urlsplit(run.info.artifact_uri).path))
        if folder.is_relative_to(workspace.tracking):
            shutil.rmtree(folder.parent if folder.parent.name == name else folder, ignore_errors=True)
        if run.info.lifecycle_stage != "deleted":
            client.delete_run(name)
        store._hard_delete_run(name)


def _client(workspace: Workspace) -> MlflowClient:
    relocate_store(workspace)
    return MlflowClient(store_uri(workspace))


def _all_runs(client: MlflowClient, experiment: str) -> list[Run]:
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment], run_view_type=ViewType.ALL, max_results=_PAGE, page_token=token)
        runs, token = [*runs, *page], page.token
        if not token:
            return runs


def _lineage(run: Run, runs: dict[str, Run]) -> list[Run]:
    """Return a run and all its ancestors."""
    line = [run]
    while (above := line[-1].data.tags.get(_PARENT)) in runs:
        line.append(runs[above])
    return line
