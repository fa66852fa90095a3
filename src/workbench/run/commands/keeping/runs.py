"""The commands ``workbench runs list|show|compare|clean``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.core.errors import Fault, ProfileError
from workbench.core.workspace import find_workspace
from workbench.run.flows.progress import visible
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    from workbench.run.history.runs import RunRecord

__all__ = ["runs"]

runs = typer.Typer(no_args_is_help=True, help="The runs that are kept: list, show, compare, clean.")

Profile = Annotated[str | None, typer.Argument(help="A profile; default: all.")]
Run = Annotated[str, typer.Argument(help="The id of a run, its beginning, or a profile for its newest run.")]
Language = Annotated[str, typer.Option(help="en or zh.")]
Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
_MEGABYTE = 1_000_000


@runs.callback()
def about() -> None:
    """List, show, compare and clean the runs that are kept (运行记录)."""


@runs.command("list")
def list_runs(
    profile: Profile = None,
    most: Annotated[int, typer.Option(help="Runs of each profile, the newest first.", min=1)] = 20,
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """List the runs of a profile, or of all: when, as of, status, alerts."""
    from workbench.run.history.runs import check_profile_name, kept_runs, profiles_with_runs  # noqa: PLC0415

    place, language = find_workspace(workspace), check_language(language)
    names = [check_profile_name(place, profile)] if profile else profiles_with_runs(place)
    table = Table(*_heads(language, "run", "profile", "started", "as_of", "status", "seconds", "stages", "alerts"))
    for name in names:
        for record in kept_runs(place, name, most):
            table.add_row(*_row(record))
    print_table(table) if table.row_count else print(_text("runs_said_none", language))


@runs.command()
def show(run: Run, language: Language = "en", workspace: Workspace = None) -> None:
    """Show one run: every stage with its status, seconds and tables."""
    from workbench.run.history.runs import find_run  # noqa: PLC0415

    place, language = find_workspace(workspace), check_language(language)
    record = find_run(place, run)
    head = Table(*_heads(language, "run", "profile", "started", "as_of", "status", "seconds", "stages", "alerts"))
    head.add_row(*_row(record))
    print_table(head)
    table = Table(*_heads(language, "stage", "status", "seconds", "tables"))
    for stage, entry in record.stages.items():
        status = f"reused from {entry['reused_from']}" if "reused_from" in entry else entry["status"]
        tables = ", ".join(f"{name} {item['rows']:,}" for name, item in entry.get("tables", {}).items())
        table.add_row(stage, status, f"{entry.get('seconds', 0):.1f}", tables)
    print_table(table)
    if "error" in record.summary:
        print(_text("runs_said_error", language, error=visible(str(record.summary["error"]))))
    print(_text("runs_said_folder", language, path=place.relative(record.folder)))


@runs.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A run, as for show.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another run.")],
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Show the differences between two runs: status, settings, metrics, tables."""
    from workbench.run.history.comparing import compare_runs  # noqa: PLC0415
    from workbench.run.history.runs import find_run  # noqa: PLC0415

    place, language = find_workspace(workspace), check_language(language)
    records = [find_run(place, text) for text in (first, second)]
    differences = compare_runs(*records)
    if not differences:
        print(_text("runs_said_same", language))
        return
    table = Table(*_heads(language, "kind", "name"), *(record.run_id for record in records))
    for difference in differences:
        kind = _text(f"runs_what_{difference.kind}", language)
        table.add_row(kind, difference.name, _value(difference.first), _value(difference.second))
    print_table(table)


@runs.command()
def clean(
    profile: Profile = None,
    keep: Annotated[int, typer.Option(help="Newest runs of each profile that stay.")] = 10,
    older_than: Annotated[int | None, typer.Option("--older-than", help="Only runs older than these days.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are listed.")] = False,
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Remove the report folders of old runs; keep the newest and the last successful run of each profile."""
    from workbench.run.history.cleaning import old_runs, remove_runs  # noqa: PLC0415
    from workbench.run.history.runs import check_profile_name, profiles_with_runs  # noqa: PLC0415
    from workbench.run.overview.index import write_index  # noqa: PLC0415

    place, language = find_workspace(workspace), check_language(language)
    for flag, value in (("--keep", keep), ("--older-than", older_than)):
        if value is not None and value < 1:
            raise ProfileError(Fault(flag, str(value), "1 or more"))
    names = [check_profile_name(place, profile)] if profile else profiles_with_runs(place)
    old = old_runs(place, names, keep=keep, older_than_days=older_than, now=dt.datetime.now(dt.UTC))
    if not old:
        print(_text("runs_said_keep", language))
        return
    table = Table(*_heads(language, "run", "profile", "started", "as_of", "status", "size"))
    for run in old:
        table.add_row(*_row(run.record)[:5], _megabytes(run.size))
    print_table(table)
    freed = remove_runs(place, old) if yes else sum(run.size for run in old)
    if yes:
        write_index(place)
    key = "runs_said_removed" if yes else "runs_said_would"
    print(_text(key, language, count=len(old), megabytes=_megabytes(freed)))


def _heads(language: str, *names: str) -> list[str]:
    return [_text(f"runs_head_{name}", language) for name in names]


def _row(record: RunRecord) -> list[str]:
    counts = "/".join(str(record.count(kind)) for kind in ("ran", "reused", "skipped"))
    alerts = record.alerts()["alerts"]
    started = f"{record.started:%Y-%m-%d %H:%M}" if record.started else ""
    seconds = f"{record.summary.get('seconds', 0):.1f}"
    alert_count = "" if alerts is None else str(alerts)
    return [record.run_id, record.profile, started, record.as_of or "", record.status, seconds, counts, alert_count]


def _value(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else visible(str(value))


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:,.1f}"


def _text(key: str, language: str, **values: object) -> str:
    from workbench.report.text import say  # noqa: PLC0415

    return say(key, language, values)
