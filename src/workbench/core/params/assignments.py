"""The implicit source ``assignments``: who was put into which arm by a planned test or an exported plan."""

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
    """Return the source that reads the assignment files of a profile; None while there is none.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    sources : mapping of str to SourceParams
        The declared sources.

    Returns
    -------
    SourceParams or None
        Rows of the table ``experiments``. Each row states in ``source`` whose customer id it holds, as in
        ``identities``. Its zone is one that the sources declare, so that it does not change the day of the shop.
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
