"""Read the columns and the row count of a Parquet file from its footer, without the engine."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault

__all__ = ["DAMAGED", "copy_first_rows", "parquet_shape", "parquet_types", "wide_decimals"]

_STEP, _LIMIT = Decimal("0.0001"), Decimal(10) ** 24
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


def parquet_types(path: Path) -> list[str]:
    """Return the kind of each column: duration, boolean, time, wide decimal, or other."""
    tests = {"duration": pa.types.is_duration, "boolean": pa.types.is_boolean, "time": pa.types.is_time,
             "wide decimal": pa.types.is_decimal256}  # fmt: skip
    types = pq.read_metadata(path).schema.to_arrow_schema().types
    return [next((name for name, test in tests.items() if test(kind)), "other") for kind in types]


def wide_decimals(path: Path, positions: dict[str, int], target: Path) -> tuple[Path, dict[str, int]]:
    """Copy a file with decimals of more than 38 digits so that the engine reads them, rounded to four decimals.

    Parameters
    ----------
    path : Path
    positions : dict of str to int
        Our column to its position in the file, from 1.
    target : Path
        The copy, readable by its owner only.

    Returns
    -------
    (Path, dict)
        The copy, or the file itself if it has no such column; and column to number of shortened values.

    Raises
    ------
    DataError
        A value does not fit 38 digits.
    """
    types = parquet_types(path)
    wide = {our_column: at for our_column, at in positions.items() if types[at - 1] == "wide decimal"}
    if not wide:
        return path, {}
    table, shortened = pq.read_table(path), {}
    for our_column, at in wide.items():
        cells = table.column(at - 1).to_pylist()
        rounded = [None if cell is None else cell.quantize(_STEP) for cell in map(_fitting, cells)]
        at_fault = next((n for n, cell in enumerate(cells) if cell is not None and rounded[n] is None), None)
        if at_fault is not None:
            found = f"column '{table.column_names[at - 1]}', row {at_fault + 1}: {cells[at_fault]} has too many digits"
            raise DataError(Fault(path.name, found, "At most 38 digits"))
        shortened[our_column] = sum(cell != own for cell, own in zip(cells, rounded, strict=True))
        column = pa.array(rounded, pa.decimal128(38, 4))
        table = table.set_column(at - 1, table.schema.field(at - 1).with_type(column.type), column)
    pq.write_table(table, target)
    target.chmod(0o600)
    return target, {our_column: count for our_column, count in shortened.items() if count}


def _fitting(cell: Decimal | None) -> Decimal | None:
    return cell if cell is not None and abs(cell) < _LIMIT else None


def copy_first_rows(path: Path, target: Path, *, most: int) -> bool:
    """Copy the first rows of a file; return whether it has any."""
    try:
        batch = next(pq.ParquetFile(path).iter_batches(most), None)
    except (pa.ArrowException, OSError, ValueError):
        return False
    if batch is None:
        return False
    pq.write_table(pa.Table.from_batches([batch]), target)
    return True
