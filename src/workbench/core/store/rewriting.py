"""Change Parquet files in place: row groups, compression and schema are kept; unchanged files are not rewritten."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from workbench.core.files import write_file
from workbench.core.store.tables import digest_table

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.core.store.tables import Store

__all__ = ["column_names", "digest_content", "read_content", "rewrite_table"]


def rewrite_table(
    path: Path, change: Callable[[pa.Table], tuple[pa.Table, int]], *, mode: int, before: Callable[[Path], None]
) -> int:
    """Apply a function to each row group of a Parquet file, rewrite the file, and return the number of changes.

    Parameters
    ----------
    path : Path
    change : callable
        Maps a table to the changed table and the number of changes; without changes the file is not rewritten.
    mode : int
        Permission bits of the file.
    before : callable
        Called with the path before a changed file is written.
    """
    file = pq.ParquetFile(path)
    results = [change(file.read_row_group(number)) for number in range(file.num_row_groups)]
    changes = sum(count for _, count in results)
    if not changes:
        return 0
    first = file.metadata.row_group(0)
    codecs = {
        first.column(number).path_in_schema: first.column(number).compression for number in range(first.num_columns)
    }
    chosen = {name: "NONE" if codec == "UNCOMPRESSED" else codec for name, codec in codecs.items()}
    schema = file.schema_arrow

    def write(target: Path) -> None:
        with pq.ParquetWriter(target, schema, compression=chosen) as writer:
            for table, _ in results:
                if table.num_rows:
                    writer.write_table(table.cast(schema))

    before(path)
    write_file(path, write, mode=mode)
    return changes


def column_names(path: Path) -> list[str]:
    """Return the column names stored in a Parquet file."""
    return list(pq.read_schema(path).names)


def read_content(content: bytes) -> pa.Table:
    """Read the content of a Parquet file from memory."""
    return pq.read_table(io.BytesIO(content))


def digest_content(store: Store, path: Path) -> tuple[str, int]:
    """Return the content digest and row count of a table's file, computed as when a stage writes it."""
    table = store.engine.read_parquet(str(path))
    return digest_table(table), int(table.count().execute())
