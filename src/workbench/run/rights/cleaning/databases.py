"""Clean SQLite files: mask cells, remove rows about a person, overwrite free pages and the write-ahead log."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.run.rights.traces.traces import Traces

__all__ = ["clean_database"]


def clean_database(path: Path, traces: Traces) -> int:
    """Mask the traces in every text cell of a SQLite file; return the number of changed cells.

    The file is compacted and its write-ahead log emptied, so that no earlier content is left.
    """
    changes = 0
    with sqlite3.connect(path, timeout=30) as connection:
        connection.create_function("mentions", 1, lambda text: int(isinstance(text, str) and traces.mentions(text)))
        connection.create_function("masked", 1, traces.masked)
        connection.execute("PRAGMA secure_delete = ON")
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in names:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]
            for column in columns:
                name = _quoted(column)
                updated = connection.execute(
                    f"UPDATE OR REPLACE {_quoted(table)} SET {name} = masked({name}) "  # noqa: S608  (names are quoted)
                    f"WHERE typeof({name}) = 'text' AND mentions({name})"
                )
                changes += updated.rowcount
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with sqlite3.connect(path, timeout=30, isolation_level=None) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changes


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
