"""Run all doctor checks, make the safe repairs, and write the JSON report."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.core.files import write_text
from workbench.run.health.environment import examine_environment
from workbench.run.health.machine import examine_machine
from workbench.run.health.operation import examine_operation
from workbench.run.health.private_files import examine_private_files

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace
    from workbench.run.health.line import Line

__all__ = ["examine", "repair", "report_of", "write_report"]

_FILE = "doctor.json"


def examine(workspace: Workspace, now: dt.datetime | None = None) -> list[Line]:
    """Check an installation and its workspace; nothing is changed."""
    now = now or dt.datetime.now(dt.UTC)
    return [
        *examine_environment(workspace),
        *examine_machine(workspace, now),
        *examine_private_files(workspace),
        *examine_operation(workspace, now),
    ]


def repair(lines: Sequence[Line]) -> list[Line]:
    """Make the safe repairs; return the checks that were repaired."""
    repaired = [line for line in lines if line.repair is not None]
    for line in repaired:
        if line.repair is not None:
            line.repair()
    return repaired


def report_of(lines: Sequence[Line], now: dt.datetime) -> dict[str, Any]:
    """Return the results of all checks as a dict, with English texts."""
    return {
        "at": now.isoformat(timespec="seconds"),
        "ok": all(line.ok for line in lines),
        "lines": [
            {"part": line.part, "ok": line.ok, "text": line.text("en"), "fix": line.command or None,
             "safe": line.repair is not None}
            for line in lines
        ],
    }  # fmt: skip


def write_report(workspace: Workspace, report: dict[str, Any]) -> Path:
    """Write the JSON report into the private folder of the workspace."""
    path = workspace.lock.parent / _FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return write_text(path, json.dumps(report, ensure_ascii=False, indent=1) + "\n", mode=0o600)
