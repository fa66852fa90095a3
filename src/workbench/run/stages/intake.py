"""What 01 and 02 need of the run: believed dates, files of declared links, tables with the ids of their sources."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL, ID_SPACE

if TYPE_CHECKING:
    from pathlib import Path

    import ibis

    from workbench.run.stages.stage import StageRun

__all__ = ["date_range", "file_of", "resolves_identity", "sourced_tables"]


def date_range(stage: StageRun, first: str, last: str | None) -> tuple[dt.date, dt.date]:
    """Return the dates between which rows are believed; the last is the day of the run unless given."""
    return dt.date.fromisoformat(first), dt.date.fromisoformat(last or stage.context.today)


def resolves_identity(stage: StageRun) -> bool:
    """Say whether a later stage of this profile takes the people that are gathered for it."""
    handed = stage.declaration.hands_over
    return any(stage.profile.stage(name).takes == handed for name in stage.profile.stages)


def file_of(stage: StageRun, text: str | None) -> Path | None:
    """Return the place of a file that a parameter names inside the workspace; None where it names none."""
    return stage.workspace.resolve(text) if text else None


def sourced_tables(stage: StageRun) -> dict[str, ibis.Table]:
    """Return the canonical tables that say whose customer ids they use, with these ids."""
    present = stage.available()
    tables = {name: stage.store.as_sourced(name) for name in CANONICAL if name in present}
    return {name: table for name, table in tables.items() if ID_SPACE in table.columns}
