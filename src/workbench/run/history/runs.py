"""The kept runs of a workspace, read from their summaries."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault, ProfileError, nearest
from workbench.core.params.profile import is_profile_name, profile_names

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = [
    "RunRecord",
    "check_profile_name",
    "find_run",
    "kept_runs",
    "last_good_run",
    "profiles_with_runs",
    "run_time",
]

_WATCH = "13_watch_changes"
_RUN_ID = re.compile(r"(\d{8}T\d{6})-[0-9a-z-]+")
_STATUSES = ("done", "failed")


class RunRecord:
    """One kept run: its folder and its summary.

    Parameters
    ----------
    folder : Path
    summary : mapping
    """

    def __init__(self, folder: Path, summary: dict[str, Any]):
        self.folder = folder
        self.summary = summary
        self.run_id: str = str(summary.get("run_id", ""))
        self.profile: str = str(summary.get("profile", ""))

    @property
    def status(self) -> str:
        """``done`` or ``failed``."""
        return str(self.summary["status"])

    @property
    def as_of(self) -> str | None:
        """The as-of date of the run, ISO."""
        return self.summary.get("as_of")

    @property
    def started(self) -> dt.datetime | None:
        """The start time in UTC, from the run id."""
        return run_time(self.run_id)

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """The entry of every stage."""
        return self.summary.get("stages", {})

    def count(self, kind: str) -> int:
        """Count the stages with an outcome: ``ran``, ``reused``, ``skipped`` or ``failed``."""
        return sum(_kind(entry) == kind for entry in self.stages.values())

    def alerts(self) -> dict[str, int | None]:
        """Return the numbers of alerts and warnings of the run; None if no stage checks for them."""
        metrics = self.stages.get(_WATCH, {}).get("metrics", {})
        return {name: _whole(metrics.get(name)) for name in ("alerts", "warnings")}


def kept_runs(workspace: Workspace, profile: str, most: int | None = None) -> list[RunRecord]:
    """Return the kept runs of a profile, the newest first.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    most : int, optional
        Largest number of runs to read.

    Returns
    -------
    list of RunRecord
        The newest first; folders without a readable summary are left out.
    """
    records: list[RunRecord] = []
    for folder in _folders(workspace, profile):
        if most is not None and len(records) >= most:
            break
        if (summary := _summary(folder)) is not None:
            records.append(RunRecord(folder, summary))
    return records


def last_good_run(workspace: Workspace, profile: str) -> dict[str, Any]:
    """Return the summary of the newest successful run; empty if there is none."""
    for folder in _folders(workspace, profile):
        summary = _summary(folder)
        if summary is not None and summary["status"] == "done":
            return summary
    return {}


def profiles_with_runs(workspace: Workspace) -> list[str]:
    """List the profiles of a workspace: those in ``params/``, and those of which only reports are left."""
    folders = (path for path in (workspace.root / "reports").glob("*") if is_profile_name(path.name) and path.is_dir())
    with_runs = {path.name for path in folders if next(_folders(workspace, path.name), None)}
    return sorted({*(name for name in profile_names(workspace) if is_profile_name(name)), *with_runs})


def find_run(workspace: Workspace, text: str) -> RunRecord:
    """Find a run by its id, the beginning of its id, or ``PROFILE`` or ``PROFILE/latest`` for the newest.

    Raises
    ------
    DataError
        No run matches, or several do.
    """
    profile, _, name = text.rpartition("/")
    name = "latest" if not profile and text in profiles_with_runs(workspace) else name
    profiles = [profile or text] if profile or name == "latest" else profiles_with_runs(workspace)
    runs = [record for owner in profiles if is_profile_name(owner) for record in kept_runs(workspace, owner)]
    matching = runs[:1] if name == "latest" else [record for record in runs if record.run_id.startswith(name)]
    if len(matching) == 1 and name:
        return matching[0]
    if matching and name:
        raise DataError(Fault("runs", f"{len(matching)} runs begin with '{text}'", "", "Give more of the id"))
    remedy = nearest(text, [record.run_id for record in runs]) or "workbench runs list shows them"
    raise DataError(Fault("runs", f"no run '{text}'", "The id of a run, or a profile", remedy))


def check_profile_name(workspace: Workspace, profile: str) -> str:
    """Check that a profile exists or has kept runs, and return its name.

    Raises
    ------
    ProfileError
        The profile does not exist and has no kept runs.
    """
    names = profiles_with_runs(workspace)
    if profile not in names:
        raise ProfileError(Fault("", f"no profile {profile!r}", "", nearest(profile, names)))
    return profile


def run_time(run_id: str) -> dt.datetime | None:
    """Return the UTC time in a run id; None if it is not a run id."""
    matched = _RUN_ID.fullmatch(run_id)
    if not matched:
        return None
    try:
        return dt.datetime.strptime(matched[1], "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def _folders(workspace: Workspace, profile: str) -> Iterator[Path]:
    home = workspace.reports(profile)
    names: Sequence[str] = sorted(
        (path.name for path in home.glob("*-*") if _RUN_ID.fullmatch(path.name)), reverse=True
    )
    return (home / name for name in names)


def _summary(folder: Path) -> dict[str, Any] | None:
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(summary, dict) and summary.get("status") in _STATUSES and isinstance(summary.get("stages"), dict)
    return summary if whole and {"run_id", "profile"} <= summary.keys() else None


def _kind(entry: dict[str, Any]) -> str:
    if entry.get("status") == "done":
        return "reused" if "reused_from" in entry else "ran"
    return str(entry.get("status"))


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and value == value else None  # noqa: PLR0124
