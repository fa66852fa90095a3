"""Saved copies of tables: private Parquet files that no stage publishes, read and written as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.files import write_file

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["keep_table", "read_kept"]

_PRIVATE = 0o600


def keep_table(frame: pd.DataFrame, path: Path, kinds: dict[str, pa.DataType]) -> Path:
    """Write a small table atomically, readable by the owner only; the same rows give the same bytes.

    Parameters
    ----------
    frame : DataFrame
        At least the columns of ``kinds``, which are written in the order of ``kinds``.
    path : Path
    kinds : dict of str to pyarrow.DataType
    """
    table = pa.Table.from_pandas(frame[list(kinds)], schema=pa.schema(list(kinds.items())), preserve_index=False)
    table = table.replace_schema_metadata(None)
    return write_file(path, lambda target: pq.write_table(table, target, compression="zstd"), mode=_PRIVATE)


def read_kept(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table written by `keep_table`, or some of its columns."""
    return pq.ParquetFile(path).read(columns=columns).to_pandas()
