"""What one file of a source holds, and whether it changes while it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import ibis

__all__ = ["RawFile", "file_state"]


@dataclass(frozen=True)
class RawFile:
    """What one file holds.

    Attributes
    ----------
    table : ibis.Table
        The mapped columns under our names, and ``_line``: the line (of a Parquet file: the row) it came from, from 1.
    rejects : ibis.Table or None
        line, column, code, raw; one row per record whose structure or encoding is broken.
    physical : int
        Physical records; ``rows + sum(codes)``.
    rows : int
        Records with the full number of fields.
    codes : dict of str to int
        Rejected records by code.
    repairs : dict of str to int
        ``blank_lines`` and ``nul_bytes``, where there are any.
    encoding : str
    multiline, inside : int
        Records with a cell over several lines, and the first line of one whose inner lines would be records; else 0.
    notes : dict of str to int
        Further counts, such as ``workbook_errors`` and ``hidden_sheets``.
    """

    table: ibis.Table
    rejects: ibis.Table | None
    physical: int
    rows: int
    codes: dict[str, int]
    repairs: dict[str, int]
    encoding: str
    multiline: int = 0
    inside: int = 0
    notes: dict[str, int] = field(default_factory=dict)


def file_state(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is rewritten: size, time, inode."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ino
