"""Write private Parquet files to the scratch folder, and quote texts for the engine; used by every reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.store.layout import PARQUET

if TYPE_CHECKING:
    from workbench.intake.reading.text.records import RejectedRecord
    from workbench.intake.reading.text.text_files import Head

__all__ = [
    "LINE", "REJECTS", "copy_rows", "keep_rejects", "keep_rows", "quoted_name", "quoted_text", "reject_rows",
]  # fmt: skip

LINE = "_line"  # column with the line of a row in its file
REJECTS = pa.schema([("line", pa.int64()), ("column", pa.string()), ("code", pa.string()), ("raw", pa.string())])


def keep_rejects(engine: ibis.BaseBackend, rejected: Sequence[RejectedRecord], head: Head, target: Path) -> ibis.Table:
    """Write broken records as `REJECTS` next to a file of the scratch folder."""
    return keep_rows(engine, reject_rows(rejected, head), target.with_name("rejects.parquet"))


def reject_rows(rejected: Sequence[RejectedRecord], head: Head) -> pa.Table:
    """Return broken records as rows of `REJECTS`."""
    return pa.Table.from_pylist([_as_reject(record, head) for record in rejected], REJECTS)


def _as_reject(record: RejectedRecord, head: Head) -> dict:
    """Return a broken record as a row of `REJECTS`, its column by its name in the file."""
    column = ""
    if 1 <= record.field <= head.width:
        column = head.header[record.field - 1] if head.header else str(record.field)
    return {"line": record.line, "column": column, "code": record.code, "raw": record.raw}


def copy_rows(engine: ibis.BaseBackend, query: str, target: Path, *, lasting: bool = False) -> int:
    """Write the rows of a query to a private Parquet file; ``lasting`` uses the layout of a store table."""
    layout = PARQUET if lasting else {"compression": "snappy", "write_bloom_filter": False}
    options = ", ".join(f"{key} {value}" for key, value in {"format": "parquet", **layout}.items())
    copied = engine.raw_sql(f"COPY ({query}) TO {quoted_text(target)} ({options})").fetchall()
    target.chmod(0o600)
    return int(copied[0][0])


def keep_rows(engine: ibis.BaseBackend, rows: pa.Table, target: Path) -> ibis.Table:
    """Write rows to a private Parquet file of the scratch folder; return them as a table of the engine."""
    pq.write_table(rows, target)
    target.chmod(0o600)
    return engine.read_parquet(str(target))


def quoted_text(value: Path | str) -> str:
    """Return a text as an SQL literal."""
    return "'" + str(value).replace("'", "''") + "'"


def quoted_name(value: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + value.replace('"', '""') + '"'
