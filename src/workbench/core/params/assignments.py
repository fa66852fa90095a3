"""The implicit source ``assignments``: the arm of each customer in planned tests and exported plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.core.params.sources import FormatParams, SourceParams

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["ASSIGNMENTS", "ASSIGNMENT_COLUMNS", "assignment_folder", "assignment_source"]

ASSIGNMENTS = "assignments"  # name of the source, and of its folder
ASSIGNMENT_COLUMNS = ("experiment", "source", "source_id", "arm", "assigned_at", "share")
_DATES = "%Y-%m-%d %H:%M:%S"
_PEOPLE = "customers"


def assignment_folder(workspace: Workspace, profile: str) -> Path:
    """Return the folder of a profile's assignment files, one CSV per experiment."""
    return workspace.raw / profile / ASSIGNMENTS


def assignment_source(workspace: Workspace, profile: str, sources: Mapping[str, SourceParams]) -> SourceParams | None:
    """Return the source that reads the assignment files of a profile; None if there are no files.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    sources : mapping of str to SourceParams
        The declared sources.

    Returns
    -------
    SourceParams or None
        A source of the table ``experiments``. The column ``source`` gives the source to which a row's customer id
        belongs, as in ``identities``. The time zone is one that the sources declare, so that the source does not change
        the current day (`shop_day`).
    """
    folder = assignment_folder(workspace, profile)
    if not any(folder.glob("*.csv")):
        return None
    zone = next((source.formats.time_zone for source in sources.values() if source.formats.time_zone), None)
    columns: dict[str, str | int | list[str | int]] = {name: name for name in ASSIGNMENT_COLUMNS}
    columns["customer_id"] = columns.pop("source_id")
    return SourceParams(
        path=f"{workspace.relative(folder)}/*.csv",
        table="experiments",
        columns=columns,
        people=next((name for name, source in sources.items() if source.table == _PEOPLE), None),
        encoding="utf-8",
        separator=",",
        formats=FormatParams(dates={"assigned_at": _DATES}, time_zone=zone),
    )
