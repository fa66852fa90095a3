"""Remove the folders of old runs, but never the newest, the last successful, or one with an exported plan."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.run.artifacts.lock import hold_workspace
from workbench.run.history.runs import RunRecord, kept_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.core.workspace import Workspace

__all__ = ["OldRun", "folder_bytes", "old_runs", "remove_runs"]


@dataclass(frozen=True)
class OldRun:
    """A run that may be removed, and its size in bytes."""

    record: RunRecord
    size: int


def old_runs(
    workspace: Workspace, profiles: Sequence[str], *, keep: int, older_than_days: int | None, now: dt.datetime
) -> list[OldRun]:
    """Return the removable runs: all but the newest ones of each profile.

    Parameters
    ----------
    workspace : Workspace
    profiles : sequence of str
    keep : int
        Number of newest runs of each profile to keep; the newest and the last successful run are always kept. Every
        run has its own copies of pages and tables, so removing one run breaks no other.
    older_than_days : int or None
        Return only runs older than this.
    now : datetime
    """
    old: list[OldRun] = []
    for profile in profiles:
        records = kept_runs(workspace, profile)
        good = next((record.run_id for record in records if record.status == "done"), None)
        latest = (workspace.reports(profile) / "latest").resolve().name
        for record in records[max(keep, 1) :]:
            young = older_than_days is not None and (
                record.started is None or now - record.started < dt.timedelta(days=older_than_days)
            )
            if record.run_id not in (good, latest) and not young:
                old.append(OldRun(record, folder_bytes(record.folder)))
    return old


def remove_runs(workspace: Workspace, old: Sequence[OldRun]) -> int:
    """Remove the folders of runs; return the bytes freed.

    The tables that later runs compare with are stored elsewhere and stay; retention removes them.

    Raises
    ------
    WorkspaceBusyError
        Another run holds the workspace.
    """
    with hold_workspace(workspace, "workbench runs clean"):
        for run in old:
            doomed = run.record.folder.with_name(f".staging-{run.record.run_id}")  # swept if this is interrupted
            run.record.folder.rename(doomed)
            shutil.rmtree(doomed)
    return sum(run.size for run in old)


def folder_bytes(folder: Path) -> int:
    """Return the bytes of the files below a folder; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() or path.is_symlink())
