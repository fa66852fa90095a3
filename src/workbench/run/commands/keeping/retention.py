"""The command ``workbench retention apply``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.core.errors import Fault, ProfileError
from workbench.core.workspace import find_workspace
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    from workbench.run.services.retention.applying import Outcome

__all__ = ["retention"]

retention = typer.Typer(no_args_is_help=True, help="How long results are kept: run.retention of every profile.")

Yes = Annotated[bool, typer.Option("--yes", help="Delete what is listed.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Count age to this date, YYYY-MM-DD.")]
Profiles = Annotated[list[str] | None, typer.Option("--profile", help="Only this profile; may be given several times.")]
Language = Annotated[str, typer.Option(help="en or zh.")]
Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
_COLUMNS = ("kind", "name", "dated", "days", "limit")


@retention.callback()
def about() -> None:
    """Delete results that are kept longer than run.retention says (数据保留期限)."""


@retention.command()
def apply(
    yes: Yes = False, as_of: AsOf = None, profile: Profiles = None, language: Language = "en",
    workspace: Workspace = None,
) -> None:  # fmt: skip
    """List results older than their limit; with --yes delete them. Exit 3 if the clock looks wrong."""
    from workbench.run.services.retention.applying import apply_retention  # noqa: PLC0415

    language, day = check_language(language), _day(as_of)
    outcomes = apply_retention(find_workspace(workspace), delete=yes, as_of=day, profiles=profile or ())
    for outcome in outcomes:
        _print(outcome, language)
    if yes and any(outcome.days_behind for outcome in outcomes):
        raise typer.Exit(3)


def _print(outcome: Outcome, language: str) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    values = {"profile": outcome.profile, "n": len(outcome.expired), "as_of": outcome.reference}
    if outcome.reference is None:
        print(say("retention_said_no_run", language, values))
        return
    print(say("retention_said_deleted" if outcome.deleted else "retention_said_listed", language, values))
    if outcome.expired:
        table = Table(*[say(f"retention_head_{name}", language) for name in _COLUMNS])
        for item in outcome.expired:
            kind = say(f"retention_kind_{item.kind}", language)
            table.add_row(kind, item.name, item.dated.isoformat(), f"{item.days:,}", f"{item.limit:,}")
        print_table(table)
    if outcome.days_behind:
        print(say("retention_said_clock", language, values | {"days": outcome.days_behind}))


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ProfileError(Fault("--as-of", f"{text!r} is not a date", "Expected YYYY-MM-DD")) from None
