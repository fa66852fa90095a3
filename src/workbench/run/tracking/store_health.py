"""State of the tracking store: location, integrity, migration, runs left open by dead processes."""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.run.tracking.relocation import store_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from workbench.core.workspace import Workspace

__all__ = [
    "KILLED",
    "StoreState",
    "close_dead_runs",
    "examine_store",
    "newest_migration",
    "sweep_store",
]

KILLED = "KILLED"  # status of a run whose process died

_REVISION = re.compile(r"^(down_)?revision\s*(?::[^=]*)?=\s*(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class StoreState:
    """The state of the store.

    Attributes
    ----------
    status : str
        ``absent``, ``damaged``, ``current``, ``older`` (needs migration) or ``unknown`` (written by a newer MLflow).
    version : str
        The migration of its schema.
    runs, running : int
        Tracked runs, and those marked as running.
    fault : str
        Description of the damage; empty if there is none.
    """

    status: str
    version: str = ""
    runs: int = 0
    running: int = 0
    fault: str = ""


def examine_store(workspace: Workspace) -> StoreState:
    """Read the state of the store of a workspace; nothing is changed."""
    path = workspace.tracking / "mlflow.db"
    if not path.is_file():
        return StoreState("absent")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as store:
            fault = store.execute("pragma quick_check(1)").fetchall()[0][0]
            if fault != "ok":
                return StoreState("damaged", fault=str(fault))
            version = str(store.execute("select version_num from alembic_version").fetchall()[0][0])
            runs = store.execute("select count(*), coalesce(sum(status = 'RUNNING'), 0) from runs").fetchall()[0]
    except (sqlite3.Error, IndexError) as error:
        return StoreState("damaged", fault=str(error))
    newest, revisions = newest_migration()
    status = "current" if version == newest else "older" if version in revisions else "unknown"
    return StoreState(status, version, int(runs[0]), int(runs[1]))


def newest_migration() -> tuple[str, set[str]]:
    """Return the newest migration of the installed MLflow (no other follows it), and all migrations."""
    spec = importlib.util.find_spec("mlflow")
    if spec is None or spec.origin is None:
        return "", set()
    revisions: set[str] = set()
    followed: set[str] = set()
    for path in (Path(spec.origin).parent / "store" / "db_migrations" / "versions").glob("*.py"):
        for down, value in _REVISION.findall(path.read_text(encoding="utf-8")):
            (followed if down else revisions).update(re.findall(r"[0-9a-f]{8,}", value))
    heads = revisions - followed
    return (heads.pop() if len(heads) == 1 else ""), revisions


def close_dead_runs(client: MlflowClient, complete: Callable[[Run], bool] = lambda _: False) -> list[str]:
    """Mark runs that a dead process left running as killed; return their run ids.

    ``complete`` may close a run in another way; it returns whether it did. Call it under the workspace lock, when no
    other flow of this workspace is alive.
    """
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    running = "attributes.status = 'RUNNING' AND tags.`workbench.run_id` LIKE '%'"
    orphans = client.search_runs(experiments, filter_string=running, max_results=1000)
    for run in orphans:
        if not complete(run):
            client.set_tag(run.info.run_id, "workbench.status", "killed")
            client.set_terminated(run.info.run_id, KILLED)
    return [run.data.tags.get("workbench.run_id", run.info.run_id) for run in orphans]


def sweep_store(workspace: Workspace) -> int:
    """Close the runs that dead processes left open in the store of a workspace; return their number."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before MLflow is imported
    from mlflow import MlflowClient  # noqa: PLC0415  (it takes seconds to import)

    return len(close_dead_runs(MlflowClient(store_uri(workspace))))
