"""Exported files: no cell is a formula, ids stay text, spreadsheets show Chinese correctly."""

from __future__ import annotations

import codecs
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_file

__all__ = ["FORMULA_STARTS", "export_batches", "export_csv", "export_parquet", "export_xlsx", "formula_safe"]

# OWASP, CSV injection: spreadsheets run a text cell that starts with one of these as a formula
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")  # noqa: RUF001
MOST_SHEET_ROWS = 1_048_575
_PRIVATE = 0o600  # permission bits of files with customer ids
_STARTS_FORMULA = r"^[=+\-@＝＋－＠\t\r\n\x00]"  # noqa: RUF001


def formula_safe(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula; leave other text unchanged.

    Examples
    --------
    >>> formula_safe("=1+1"), formula_safe("a=1")
    ("'=1+1", 'a=1')
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def export_csv(engine: ibis.BaseBackend, table: ibis.Table, path: Path) -> Path:
    """Write a table as CSV atomically: UTF-8 with BOM, text cells safe from formulas, numbers as numbers.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    table : ibis.Table
        Rows are written in the order of the table.
    path : Path
    """
    texts = [name for name, kind in table.schema().items() if kind.is_string()]
    safe = {name: _safe(table[name]) for name in texts}
    content = (table.mutate(**safe) if safe else table).rename({formula_safe(name): name for name in table.columns})

    def write(target: Path) -> None:
        plain = target.with_name(target.name + ".plain")
        try:
            engine.to_csv(content, plain, header=True)
            with plain.open("rb") as source, target.open("wb") as marked:
                marked.write(codecs.BOM_UTF8)
                shutil.copyfileobj(source, marked, 1 << 20)
        finally:
            plain.unlink(missing_ok=True)

    return write_file(path, write, mode=_PRIVATE)


def export_parquet(engine: ibis.BaseBackend, table: ibis.Table, path: Path) -> Path:
    """Write a table as Parquet, atomically; text stays unchanged, since no program runs Parquet cells as formulas."""
    return write_file(path, lambda target: engine.to_parquet(table, target), mode=_PRIVATE)


def export_batches(batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path) -> int:
    """Write record batches one by one to .csv (as ``export_csv``) or .parquet, atomically; return the row count.

    Parameters
    ----------
    batches : iterator of pyarrow.RecordBatch
        Batches with the given schema.
    schema : pyarrow.Schema
    path : Path
    """
    rows = 0

    def write(target: Path) -> None:
        nonlocal rows
        with target.open("wb") as sink:
            if path.suffix == ".csv":
                sink.write(codecs.BOM_UTF8)
            as_csv = path.suffix == ".csv"
            headers = pa.schema([field.with_name(formula_safe(field.name)) for field in schema])
            writer = pa.csv.CSVWriter(sink, headers) if as_csv else pq.ParquetWriter(sink, schema)
            with writer:
                for batch in batches:
                    writer.write_batch(_formula_safe(batch, headers) if as_csv else batch)
                    rows += batch.num_rows

    write_file(path, write, mode=_PRIVATE)
    return rows


def _formula_safe(batch: pa.RecordBatch, headers: pa.Schema) -> pa.RecordBatch:
    columns = []
    for column in batch.columns:
        if pa.types.is_string(column.type):
            starts = pc.match_substring_regex(column, _STARTS_FORMULA)
            marked = pc.binary_join_element_wise("'", column, "")
            column = pc.if_else(starts, marked, column)  # noqa: PLW2901
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=headers)


def export_xlsx(table: ibis.Table, path: Path, *, sheet: str = "audience") -> Path:
    """Write a table as a workbook with one sheet, atomically; text that looks like a formula stays text.

    Raises
    ------
    DataError
        When there are more rows than a sheet can hold (1,048,575 below the header).
    """
    rows = int(table.count().to_pandas())
    if rows > MOST_SHEET_ROWS:
        problem = f"{rows:,} rows, a sheet holds {MOST_SHEET_ROWS:,}"
        raise DataError(Fault(path.name, problem, "", "Export csv or parquet"))

    def write(target: Path) -> None:
        from openpyxl import Workbook  # noqa: PLC0415

        book = Workbook(write_only=True)
        page = book.create_sheet(sheet)
        page.append([_cell(page, name) for name in table.columns])
        for batch in table.to_pyarrow_batches(chunk_size=50_000):
            for row in batch.to_pylist():
                page.append([_cell(page, row[name]) for name in table.columns])
        book.save(target)

    return write_file(path, write, mode=_PRIVATE)


def _cell(sheet: Any, value: Any) -> Any:
    """Make a cell; text is typed as text, so that it is not a formula, and characters invalid in XML are replaced."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell  # noqa: PLC0415

    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value))
    cell.data_type = "s"
    cell.number_format = "@"
    return cell


def _safe(text: ibis.Value) -> ibis.Value:
    return ibis.cases((text.re_search(_STARTS_FORMULA), ibis.literal("'").concat(text)), else_=text)
