"""Parquet files: their columns and rows, read inside the engine; for 01_check_quality.

The engine reads such a file only when its rows are needed, so a damaged page is detected late; `reading_parquet` names
the file in the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis

from workbench.core.errors import DataError, Fault, listed
from workbench.intake.reading.parquet_heads import DAMAGED, parquet_shape, wide_decimals
from workbench.intake.reading.raw.raw_file import RawFile, file_state
from workbench.intake.reading.raw.scratch import LINE, quoted_name, quoted_text

__all__ = ["read_parquet_file", "reading_parquet"]


def read_parquet_file(engine: ibis.BaseBackend, path: Path, *, columns: Mapping[str, int], scratch: Path) -> RawFile:
    """Read a Parquet file; its types are kept, its rows numbered from 1.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    path : Path
    columns : mapping of str to int
        Our column to its position in the file, from 1.
    scratch : Path
        A private folder, for a copy of decimals that are too wide for the engine.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    names, rows = parquet_shape(path)
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, shortened = wide_decimals(path, dict(columns), scratch / "decimals.parquet")
    selected = ", ".join(f"c{at} AS {quoted_name(our_column)}" for our_column, at in columns.items())
    aliases = ", ".join(f"c{at}" for at in range(1, len(names) + 1))  # names may differ only in case
    query = f"SELECT n + 1 AS {LINE}, {selected} FROM read_parquet({quoted_text(path)}, file_row_number = true)"
    with reading_parquet([path]):
        table = engine.sql(f"{query} AS f ({aliases}, n)")
    repairs = {"shortened": sum(shortened.values())} if shortened else {}
    return RawFile(table, None, rows, rows, {}, repairs, "parquet")


@contextmanager
def reading_parquet(paths: Sequence[Path]) -> Iterator[None]:
    """Raise an error that names the files if the engine cannot read them, or if they change meanwhile.

    Raises
    ------
    DataError
    """
    before = [file_state(path) for path in paths]
    try:
        yield
    except duckdb.Error as error:
        if not paths:
            raise
        damaged = next((path for path in paths if path.name in str(error)), None)
        where = damaged.name if damaged else listed([path.name for path in paths])
        raise DataError(Fault(where, "the rows of the Parquet file cannot be read", "", DAMAGED)) from error
    changed = [path.name for path, state in zip(paths, before, strict=True) if file_state(path) != state]
    if changed:
        raise DataError(Fault(listed(changed), "the file changed while it was read", "", "Wait until it is complete"))
