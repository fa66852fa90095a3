"""The messages that hooks send about a run: stage names, numbers and dates; never a value from the data.

Error texts may quote a cell, and an alert may name a category with a single customer, so messages contain neither.
Receivers find the details in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.run.history.runs import RunRecord

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["events_of", "refusal_message", "run_message"]


def events_of(message: Mapping[str, Any]) -> list[str]:
    """Return the events of a run: ``on_done`` or ``on_failure``, and ``on_alert`` where it raised alerts."""
    ended = "on_done" if message["status"] == "done" else "on_failure"
    return [ended, "on_alert"] if message["status"] == "done" and (message["alerts"] or 0) > 0 else [ended]


def run_message(
    workspace: Workspace, profile: str, summary: Mapping[str, Any], folder: Path | None, exit_code: int
) -> dict[str, Any]:
    """Return the message about a run that ended.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    summary : mapping
        Of the run.
    folder : Path or None
        Where it was published.
    exit_code : int
    """
    record = RunRecord(folder or workspace.root, dict(summary))
    failed = [stage for stage, entry in record.stages.items() if entry.get("status") == "failed"]
    report = folder / "report.html" if folder is not None else None
    return {
        "workspace": workspace.root.name,
        "profile": profile,
        "run_id": record.run_id,
        "status": record.status,
        "exit_code": exit_code,
        "as_of": record.as_of,
        "seconds": round(float(summary.get("seconds", 0)), 1),
        "stages": {kind: record.count(kind) for kind in ("ran", "reused", "skipped", "failed")},
        "failed_stage": failed[0] if failed else None,
        **record.alerts(),
        "report": workspace.relative(report) if report is not None and report.is_file() else None,
    }


def refusal_message(workspace: Workspace, profile: str, as_of: str | None, exit_code: int) -> dict[str, Any]:
    """Return the message about a run that was refused before any stage started."""
    return {
        "workspace": workspace.root.name,
        "profile": profile,
        "run_id": None,
        "status": "refused",
        "exit_code": exit_code,
        "as_of": as_of,
        "seconds": 0.0,
        "stages": dict.fromkeys(("ran", "reused", "skipped", "failed"), 0),
        "failed_stage": None,
        "alerts": None,
        "warnings": None,
        "report": None,
    }
