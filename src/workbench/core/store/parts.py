"""Tables too large for one data frame: written in parts, then read by the database engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.store.tables import table_spec

__all__ = ["hold_parts"]

_ARROW = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "date": pa.date32(),
}  # fmt: skip  (all other kinds are text)


def hold_parts(engine: ibis.BaseBackend, table: str, parts: Iterable[pd.DataFrame], path: Path) -> ibis.Table:
    """Write the parts of a table into one file, with one part in memory at a time, and return the table.

    Parameters
    ----------
    engine : ibis.BaseBackend
    table : str
        Table name; its declaration gives the columns and their kinds.
    parts : iterable of DataFrame
        Data frames with all columns of the table.
    path : Path
        A private Parquet file; it must exist as long as the result is used.

    Returns
    -------
    ibis.Table
    """
    schema = pa.schema([(column.name, _ARROW.get(column.kind, pa.string())) for column in table_spec(table).columns])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in parts:
            writer.write_table(pa.Table.from_pandas(part, schema=schema, preserve_index=False))
    return engine.read_parquet(path)
