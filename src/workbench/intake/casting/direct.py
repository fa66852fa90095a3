"""Copy files into typed Parquet by the engine's own COPY; used by 01_check_quality.

This is the fast reader: the engine casts while it writes (`cells.sure_value`) and marks doubtful cells. `doubts` judges
the doubtful records of a text file; a Parquet file with a doubtful record goes to the exact reader.

The scan of a text file has proven that separators occur only between cells (`tidy.is_tidy`). The engine skips lines
with too few or too many fields and reports them; they are then looked up and counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from workbench.core.schema import CANONICAL
from workbench.intake.casting.cells import Cell, engine_moment, in_doubt, sure_value
from workbench.intake.casting.column_kinds import ColumnPlan, derived_names, plans_of
from workbench.intake.casting.total_lines import written_totals
from workbench.intake.casting.verdicts import NO_CODE, derive, exact_product
from workbench.intake.reading.raw.scratch import copy_rows, quoted_name, quoted_text
from workbench.intake.reading.text.odd_lines import OddLines, leave_out, leaves_out, line_sql
from workbench.intake.reading.text.raw_files import REFUSALS, ReadyText, engine_reader

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.reading.text.text_files import Head

__all__ = ["Copied", "copy_text", "copy_typed"]

_GLANCE, _PRODUCT = "_glance_", "_product"
_SAMPLE, _FEW = 4096, 0.02  # records sampled first; above this share of doubtful ones copying is slower


@dataclass(frozen=True)
class Copied:
    """A copied file.

    Attributes
    ----------
    path : Path
        Typed columns in the order of the schema, one row per record with the full number of fields.
    count : int
        Rows of the copy.
    line : str
        SQL for the source line of a row, from its position ``n`` in the copy (from 0).
    doubts : tuple of str
        SQL conditions for a doubtful cell, each with one column and one comparison.
    odd : OddLines
        The lines that are not records.
    """

    path: Path
    count: int
    line: str
    doubts: tuple[str, ...]
    odd: OddLines = OddLines()


def copy_text(
    engine: ibis.BaseBackend, ready: ReadyText, source: SourceParams, *, head: Head, columns: Mapping[str, int],
    target: Path, dates: tuple[dt.date, dt.date],
) -> Copied | None:  # fmt: skip
    """Cast the records of a tidy text file into a Parquet file.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    ready : ReadyText
    source : SourceParams
    head : Head
    columns : mapping of str to int
        Our column to its position in the file, from 1.
    target : Path
        File to write, its columns in schema order.
    dates : (date, date)
        As for `acceptance.accept`.

    Returns
    -------
    Copied or None
        None if a column has no marker for doubtful cells, if many cells are doubtful, or if the engine and the scan
        disagree on the records.
    """
    facts = ready.facts
    plans = plans_of(source, dates, trimmed=facts.trimmed, printable=facts.printable, signs=facts.signs)
    if any(plan.kind == "flag" for plan in plans.values()):
        return None
    doubts = _doubts(plans, source)
    casting = _casting(engine, ibis.schema(dict.fromkeys(columns, "string")), plans, source)
    selected = ", ".join(f"c{at} AS {quoted_name(our_column)}" for our_column, at in columns.items())

    def query(noted: str = "", limit: str = "") -> str:
        rows = engine_reader(ready.text, head, skipping=leaves_out(ready, head), rejects_table=noted)
        return casting(f"SELECT {selected} FROM {rows}{limit}")

    try:
        if doubts and _many(engine, query(limit=f" LIMIT {_SAMPLE}"), doubts):
            return None
        count, odd = leave_out(
            engine, lambda noted: copy_rows(engine, query(noted), target, lasting=True), ready, head=head
        )
    except REFUSALS:
        return None
    return None if odd is None else Copied(target, count, line_sql(odd, first=1 + int(bool(head.header))), doubts, odd)


def copy_typed(
    engine: ibis.BaseBackend, raw: ibis.Table, source: SourceParams, *, target: Path, dates: tuple[dt.date, dt.date]
) -> Copied | None:
    """Cast the rows of a Parquet file into a file in the store's layout.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    raw : ibis.Table
        The mapped columns with the types of the file.
    source : SourceParams
    target : Path
        File to write, its columns in schema order.
    dates : (date, date)
        As for `acceptance.accept`.

    Returns
    -------
    Copied or None
        None if a column has no marker for doubtful cells.
    """
    plans = plans_of(source, dates)
    if any(plan.kind == "flag" and not raw[name].type().is_boolean() for name, plan in plans.items()):
        return None
    cells = raw.select(**{name: raw[name].nullif("") if raw[name].type().is_string() else raw[name] for name in plans})
    query = _casting(engine, cells.schema(), plans, source)(engine.compile(cells))
    return Copied(target, copy_rows(engine, query, target, lasting=True), "(n + 1)", _doubts(plans, source))


def _many(engine: ibis.BaseBackend, sample: str, doubts: tuple[str, ...]) -> bool:
    """Return whether more than a few of the first records are doubtful."""
    query = f"SELECT count(*), count(*) FILTER ({' OR '.join(doubts)}) FROM ({sample})"
    total, doubtful = engine.raw_sql(query).fetchall()[0]
    return doubtful > max(3, _FEW * total)


def _doubts(plans: Mapping[str, ColumnPlan], source: SourceParams) -> tuple[str, ...]:
    """Return the SQL conditions of a cell that is doubtful, or missing but required."""
    missing = [f"{quoted_name(name)} IS NULL" for name in derived_names(source)]
    if source.table == "transactions" and "ordered_at" in plans:
        words = ", ".join(quoted_text(word) for word in written_totals())
        missing += [f"{quoted_name(name)} IN ({words})" for name in ("order_id", "customer_id") if name in plans]
    return (*missing, *(doubt for plan in plans.values() for doubt in in_doubt(plan)))


def _casting(
    engine: ibis.BaseBackend, schema: ibis.Schema, plans: Mapping[str, ColumnPlan], source: SourceParams
) -> Callable[[str], str]:
    """Return a function that turns a query of raw cells into one of typed columns, computing each value once."""
    steps, last = [], ibis.table(schema, name="cells")
    for at, step in enumerate((_read_moments, _cast, _multiply, _fill)):
        query = step(last, plans, source)
        steps.append(f"step_{at} AS NOT MATERIALIZED ({engine.compile(query)})")
        last = ibis.table(query.schema(), name=f"step_{at}")
    following = f"{', '.join(steps)} SELECT * FROM {last.get_name()}"
    return lambda cells: f"WITH cells AS NOT MATERIALIZED ({cells}), {following}"


def _read_moments(cells: ibis.Table, plans: Mapping[str, ColumnPlan], _: SourceParams) -> ibis.Table:
    guesses = {f"{_GLANCE}{name}": engine_moment(cells[name], plan) for name, plan in plans.items()}
    return cells.mutate(**{name: moment for name, moment in guesses.items() if moment is not None})


def _cast(cells: ibis.Table, plans: Mapping[str, ColumnPlan], _: SourceParams) -> ibis.Table:
    guesses = {name: cells[f"{_GLANCE}{name}"] for name in plans if f"{_GLANCE}{name}" in cells.columns}
    return cells.select(**{name: sure_value(cells[name], plan, guesses.get(name)) for name, plan in plans.items()})


def _multiply(lines: ibis.Table, plans: Mapping[str, ColumnPlan], source: SourceParams) -> ibis.Table:
    if "amount" not in derived_names(source) or not {"quantity", "unit_price"} <= set(plans):
        return lines
    return lines.mutate(**{_PRODUCT: exact_product(lines.quantity, lines.unit_price)})


def _fill(lines: ibis.Table, plans: Mapping[str, ColumnPlan], source: SourceParams) -> ibis.Table:
    """Fill the derived columns as `verdicts.judge` does; return all columns in schema order."""
    cells = {name: Cell(lines[name], NO_CODE) for name in plans}
    product = lines[_PRODUCT] if _PRODUCT in lines.columns else None
    filled = lines.mutate(**{name: derive(name, cells, product).value for name in derived_names(source)})
    ordered = [column.name for column in CANONICAL[source.table].columns if column.name in filled.columns]
    return filled.select(*dict.fromkeys([*ordered, *plans]))
