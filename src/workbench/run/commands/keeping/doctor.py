"""The command ``workbench doctor``."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.core.workspace import find_workspace
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.run.health.line import Line

__all__ = ["doctor"]


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Fix what is safe to fix.")] = False,
    stale: Annotated[
        str | None, typer.Option(help="Only whether the schedule of this profile is kept, for outside monitoring.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
    workspace: Annotated[
        Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
    ] = None,
) -> None:
    """Check the installation and the workspace; exit 1 if a check fails."""
    from workbench.core.params.profile import load_profile  # noqa: PLC0415
    from workbench.run.health.examining import examine, repair, report_of, write_report  # noqa: PLC0415
    from workbench.run.health.operation import examine_schedule  # noqa: PLC0415

    place, language, now = find_workspace(workspace), check_language(language), dt.datetime.now(dt.UTC)
    if stale is not None:
        load_profile(place, stale)
        lines = [examine_schedule(place, stale, now)]
    else:
        lines = examine(place, now)
        if fix and repair(lines):
            lines = examine(place, now)
    report = report_of(lines, now)
    if stale is None:
        write_report(place, report)
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        _print(lines, language)
    if not report["ok"]:
        raise typer.Exit(1)


def _print(lines: Sequence[Line], language: str) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    table = Table(*(say(f"doctor_head_{name}", language) for name in ("part", "state", "text", "command")))
    for line in lines:
        state = say("doctor_ok" if line.ok else "doctor_fix", language)
        table.add_row(line.name(language), state, line.text(language), line.command)
    print_table(table)
