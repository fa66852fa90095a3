"""Read the columns and the row count of a Parquet file from its footer, without the engine."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault

__all__ = ["DAMAGED", "parquet_shape"]

DAMAGED = "Copy it again, it may be damaged"


def parquet_shape(path: Path) -> tuple[list[str], int]:
    """Return the column names of a file, as written, and its number of rows.

    Raises
    ------
    DataError
        The file is not a Parquet file, or its footer is damaged.
    """
    try:
        metadata = pq.read_metadata(path)
        return list(metadata.schema.to_arrow_schema().names), metadata.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        message = (str(error).splitlines() or [""])[0]
        raise DataError(Fault(path.name, f"no readable Parquet file ({message})", "", DAMAGED)) from error
