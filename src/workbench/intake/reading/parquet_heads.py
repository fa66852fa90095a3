"""What the end of a Parquet file says of it: its columns and how many rows it has; the engine is not asked."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault

__all__ = ["DAMAGED", "parquet_shape"]

DAMAGED = "Copy it again, it may be damaged"


def parquet_shape(path: Path) -> tuple[list[str], int]:
    """Return the names of the columns of a file, as they stand in it, and its number of rows.

    Raises
    ------
    DataError
        The file is no Parquet file, or its end is damaged.
    """
    try:
        found = pq.read_metadata(path)
        return list(found.schema.to_arrow_schema().names), found.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        said = (str(error).splitlines() or [""])[0]
        raise DataError(Fault(path.name, f"no readable Parquet file ({said})", "", DAMAGED)) from error
