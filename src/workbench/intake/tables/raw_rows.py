"""The records of a source's files as one table of text, before its cells are cast."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from workbench.core.errors import DataError, Fault
from workbench.intake.casting.acceptance import Accepted, accept
from workbench.intake.reading.json_records import read_json_file
from workbench.intake.reading.layouts import Layout, read_layout
from workbench.intake.reading.parquet_files import read_parquet_file, reading_parquet
from workbench.intake.reading.places import find_files, form_of, is_remote
from workbench.intake.reading.raw.scratch import LINE
from workbench.intake.reading.text.raw_files import ReadyText, read_text_file, ready_text
from workbench.intake.reading.workbooks import DATE_CELLS, read_workbook_file
from workbench.intake.surveys.wide import numbered_rows, with_numbers
from workbench.intake.tables.shaping import shape_rows, with_constants

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.reading.raw.raw_file import RawFile

__all__ = [
    "EVERY_DATE", "FILE", "ORDER", "origin_of", "read_file", "read_people_now", "read_rows_now", "union_files",
    "with_date_cells",
]  # fmt: skip

EVERY_DATE = (dt.date(1900, 1, 1), dt.date(9999, 12, 31))

FILE = "_file"
ORDER = "_order"
_FILE_STEP = 10**12  # more than the lines of any file


def read_rows_now(
    engine: ibis.BaseBackend, source: SourceParams, *, root: Path, scratch: Path, dates: tuple[dt.date, dt.date]
) -> ibis.Table:
    """Read the current accepted rows of a small source, under our column names.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    source : SourceParams
    root : Path
        The workspace.
    scratch : Path
        A private folder; the caller removes it after the rows are used.
    dates : (date, date)
        Dates before the first are placeholders, dates after the second lie in the future.

    Raises
    ------
    DataError
        There is no file, or one lacks a mapped column.
    """
    accepted = _accepted_now(engine, source, root=root, scratch=scratch, dates=dates, keep_contacts=False)
    return accepted.table.drop(*(name for name in accepted.table.columns if name.startswith("_"))).cache()


def read_people_now(engine: ibis.BaseBackend, source: SourceParams, *, root: Path, scratch: Path) -> ibis.Table:
    """Read the current rows of a source of customers, with its contact columns.

    Dates of any year are accepted; see `read_rows_now` for the parameters. The rows are stored in the engine.

    Raises
    ------
    DataError
        There is no file, or one lacks a mapped column.
    """
    accepted = _accepted_now(engine, source, root=root, scratch=scratch, dates=EVERY_DATE, keep_contacts=True)
    return (accepted.table if accepted.people is None else accepted.people).cache()


def _accepted_now(
    engine: ibis.BaseBackend, source: SourceParams, *, root: Path, scratch: Path, dates: tuple[dt.date, dt.date],
    keep_contacts: bool,
) -> Accepted:  # fmt: skip
    paths = find_files(source, root)
    if not paths:
        raise DataError(Fault(source.path, "no such file", "The source as the profile names it", "Put it there"))
    layouts = [read_layout(source, path) for path in paths]
    raws = [read_file(engine, source, layout, scratch / str(at)) for at, layout in enumerate(layouts)]
    table = union_files(
        with_numbers(raw.table.mutate(**origin_of(layout.path.relative_to(root).as_posix(), at)), source, at)
        for at, (raw, layout) in enumerate(zip(raws, layouts, strict=True))
    )
    table, source = shape_rows(table, source), with_constants(numbered_rows(source))
    if any(layout.sheet for layout in layouts):
        source = with_date_cells(source)
    with reading_parquet([layout.path for layout in layouts if form_of(layout.path) == "parquet"]):
        return accept(
            engine, table, source, root=root, scratch=scratch / "accepted", dates=dates, keep_contacts=keep_contacts
        )


def read_file(
    engine: ibis.BaseBackend, source: SourceParams, layout: Layout, scratch: Path, ready: ReadyText | None = None
) -> RawFile:
    """Read one file of a source by its format: text, workbook, JSON or Parquet."""
    if layout.head is not None:
        ready = ready or ready_text(layout.path, head=layout.head, scratch=scratch, declared=source.encoding)
        return read_text_file(engine, ready, head=layout.head, columns=layout.columns, scratch=scratch)
    if layout.sheet is not None:
        return read_workbook_file(engine, layout.path, sheet=layout.sheet, columns=layout.columns, scratch=scratch)
    if form_of(layout.path) == "json":
        records = None if is_remote(source) else source.records
        keys = {our_column: layout.names[at - 1] for our_column, at in layout.columns.items()}
        return read_json_file(
            engine, layout.path, columns=keys, records=records, scratch=scratch, declared=source.encoding
        )
    return read_parquet_file(engine, layout.path, columns=layout.columns, scratch=scratch)


def with_date_cells(source: SourceParams) -> SourceParams:
    """Add the patterns of a workbook's date cells to the declared ones."""
    declared = source.formats.dates
    if declared is None:
        return source
    by_column = declared if isinstance(declared, dict) else {"": declared}
    patterns = {
        name: [*([entry] if isinstance(entry, str) else entry), *DATE_CELLS] for name, entry in by_column.items()
    }
    formats = source.formats.model_copy(update={"dates": patterns if isinstance(declared, dict) else patterns[""]})
    return source.model_copy(update={"formats": formats})


def origin_of(file: str, at: int) -> dict[str, ibis.Value]:
    """Return the origin columns of a record: its file and its order."""
    return {FILE: ibis.literal(file), ORDER: ibis._[LINE].cast("int64") + at * _FILE_STEP}


def union_files(tables: Iterable[ibis.Table]) -> ibis.Table:
    """Stack the files of a source; columns whose types differ between files are read as text."""
    parts = list(tables)
    schemas = [table.schema() for table in parts]
    mixed = [name for name in schemas[0] if len({schema[name] for schema in schemas}) > 1]
    if mixed:
        parts = [table.mutate(**{name: table[name].cast("string") for name in mixed}) for table in parts]
    return ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
