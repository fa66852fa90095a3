"""The content of one file of a source, and the file state to detect changes while reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import ibis

__all__ = ["RawFile", "file_state"]


@dataclass(frozen=True)
class RawFile:
    """The content of one file.

    Attributes
    ----------
    table : ibis.Table
        The mapped columns under our names, and ``_line``: the line (in a Parquet file the row) in the file, from 1.
    rejects : ibis.Table or None
        line, column, code, raw; one row per record whose structure or encoding is broken.
    physical : int
        Number of physical records; ``rows + sum(codes)``.
    rows : int
        Records with the full number of fields.
    codes : dict of str to int
        Rejected records by code.
    repairs : dict of str to int
        ``blank_lines`` and ``nul_bytes``, if there are any.
    encoding : str
    multiline, inside : int
        Number of records with a multi-line cell, and the first line of such a record whose inner lines would be valid
        records; else 0.
    notes : dict of str to int
        Other counts, such as ``workbook_errors`` and ``hidden_sheets``.
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
    """Return size, modification time and inode of a file, to detect changes."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ino
