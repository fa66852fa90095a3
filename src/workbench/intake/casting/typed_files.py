"""Parquet files whose types settle what is in their cells, copied in one pass; used by 01_check_quality.

The engine casts while it writes. A cell about which there is any doubt, since it may have to be repaired or refused, is
copied as null. Where a column of the copy has more nulls than that of the file, or one where none may be, there is no
copy, and the file is read in the exact way.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from workbench.core.schema import CANONICAL
from workbench.intake.casting.cells import LONG_ID_DIGITS, ColumnPlan, strip_cell
from workbench.intake.casting.column_kinds import derived_names, kinds_of
from workbench.intake.casting.verdicts import cast_cells
from workbench.intake.reading.scratch import LINE, copy_rows, quoted_text

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["copy_typed"]


def copy_typed(
    engine: ibis.BaseBackend, raw: ibis.Table, source: SourceParams, *, target: Path, dates: tuple[dt.date, dt.date]
) -> ibis.Table | None:
    """Copy the rows of a Parquet file, cast, into a file of the store's layout.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    raw : ibis.Table
        The mapped columns with the types of the file.
    source : SourceParams
    target : Path
        Its columns stand in the order of the schema.
    dates : (date, date)
        As for `acceptance.accept`.

    Returns
    -------
    ibis.Table or None
        The copy, with ``_line``; None where a cell is in doubt.
    """
    kinds, needed = kinds_of(source), derived_names(source)
    plans = {name: ColumnPlan(name, kind, source.formats, *dates, printable=True) for name, kind in kinds.items()}
    if not set(needed) <= set(plans):
        return None
    undoubted = raw.mutate(**{name: _undoubted(raw[name], plan) for name, plan in plans.items()})
    read, cells = cast_cells(engine, undoubted, plans)
    known = [column.name for column in CANONICAL[source.table].columns if column.name in plans]
    typed = read.select(**{name: cells[name].value for name in dict.fromkeys([*known, *plans])})
    rows = copy_rows(engine, engine.compile(typed), target, lasting=True)
    filled = _count(engine.read_parquet(str(target)), plans)
    if filled != _count(raw, plans) or any(filled[name] < rows for name in needed):
        return None
    numbered = f"SELECT * EXCLUDE (file_row_number), file_row_number + 1 AS {LINE}"
    return engine.sql(f"{numbered} FROM read_parquet({quoted_text(target)}, file_row_number = true)")


def _undoubted(cell: ibis.Value, plan: ColumnPlan) -> ibis.Value:
    """Give a cell, or null where it may have to be repaired, or refused by what the whole column shows."""
    doubts = []
    if cell.type().is_string():
        doubts, cell = [strip_cell(cell).fill_null("") != cell], cell.nullif("")
    if plan.kind == "id" and cell.type().is_integer():
        doubts.append((cell >= 10 ** (LONG_ID_DIGITS - 1)) & (cell % 1000 == 0))
    elif plan.kind == "id":
        text = cell.cast("string")
        doubts += [text.endswith(".0"), (text.length() >= LONG_ID_DIGITS) & text.endswith("000")]
        doubts.append(text.re_search(r"[^\x20-\x7E]"))
    return ibis.cases((ibis.or_(*doubts), ibis.null(cell.type())), else_=cell) if doubts else cell


def _count(table: ibis.Table, names: Mapping[str, ColumnPlan]) -> dict[str, int]:
    """Count the filled cells of columns; a blank text and a number that is none are as good as missing."""
    cells = {name: table[name] for name in names}
    for name, cell in cells.items():
        if cell.type().is_string() or cell.type().is_floating():
            cells[name] = cell.nullif("" if cell.type().is_string() else float("nan"))
    return table.aggregate(**{name: cell.count() for name, cell in cells.items()}).to_pyarrow().to_pylist()[0]
