"""Clean text files straight into the Parquet file of their table, as the engine's own COPY; used by 01_check_quality.

The scan of the bytes has proven that no cell needs trimming (`tidy.is_tidy`). The engine splits and casts while it
writes, and stops at the first cell about which there is a doubt: then there is no answer, and `tidy` judges the file.
What can be said of whole columns only is read from the footer of what was written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import duckdb
import ibis
import pyarrow.parquet as pq

from workbench.core.params import SourceParams
from workbench.core.schema import CANONICAL
from workbench.intake.acceptance import derived_names, exact_product, kinds_of
from workbench.intake.casting import EXCEL_DATE, LONG_ID_DIGITS, ColumnPlan
from workbench.intake.raw_files import LINE, RawFile, ReadyText, copy_rows, engine_reader, quoted_name, quoted_text
from workbench.intake.text_files import Head
from workbench.intake.text_scan import Scan

__all__ = ["copy_directly"]

_DOUBT = "error('a cell to look at')"
_DECIMALS = {"money": "DECIMAL(18, 4)", "quantity": "DECIMAL(18, 3)"}
_KINDS = ("text", "category", "id", "date", "timestamp", *_DECIMALS)
_WHOLE = "_whole"  # the quantity is written without a point
_LAST_DAY = dt.date(9998, 12, 31)  # later ones are placeholders


def copy_directly(
    engine: ibis.BaseBackend, ready: ReadyText, source: SourceParams, *, head: Head, columns: Mapping[str, int],
    target: Path, dates: tuple[dt.date, dt.date],
) -> RawFile | None:  # fmt: skip
    """Copy the records of a tidy file, cast, into the Parquet file that its table will be.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    ready : ReadyText
    source : SourceParams
    head : Head
    columns : mapping of str to int
        Our name of a column: its position in the file, from 1.
    target : Path
        Its columns stand in the order of the schema.
    dates : (date, date)
        As for `acceptance.accept`.

    Returns
    -------
    RawFile or None
        Its table holds the typed columns and ``_line``; every record is accepted. None where a cell is in doubt.
    """
    plans = {name: ColumnPlan(name, kind, source.formats, *dates) for name, kind in kinds_of(source).items()}
    if not _is_plain(source, plans):
        return None
    cells = ", ".join(f"nullif(c{at}, '') AS {quoted_name(ours)}" for ours, at in columns.items())
    typed = _typed_sql(f"SELECT {cells} FROM {engine_reader(ready.text, head)}", plans, ready.facts)
    table = _with_amount(engine, engine.sql(typed), source)
    order = [each.name for each in CANONICAL[source.table].columns if each.name in table.columns]
    table = table.select(*order, *[name for name in table.columns if name not in order])
    first = int(bool(head.header))
    try:
        count = copy_rows(engine, engine.compile(table), target, compression="zstd")
    except (duckdb.InvalidInputException, duckdb.ConversionException):
        return None
    if count != ready.facts.lines - first or not _holds(target, derived_names(source), plans):
        return None
    numbered = f"SELECT * EXCLUDE (file_row_number), file_row_number + {first + 1} AS {LINE}"
    table = engine.sql(f"{numbered} FROM read_parquet({quoted_text(target)}, file_row_number = true)")
    return RawFile(table, None, count, count, {}, {}, ready.scan.encoding)


def _is_plain(source: SourceParams, plans: Mapping[str, ColumnPlan]) -> bool:
    """Tell whether a source declares nothing beyond patterns of dates, and has no columns but those cast here."""
    formats = source.formats
    declared = formats.currency or formats.units or formats.stored_in or "decimals" in formats.model_fields_set
    by_serial = any(EXCEL_DATE in plan.patterns for plan in plans.values())
    return not declared and not by_serial and {plan.kind for plan in plans.values()} <= set(_KINDS)


def _typed_sql(cells: str, plans: Mapping[str, ColumnPlan], facts: Scan) -> str:
    """Cast every column, or stop; moments are read first, so that each is read once."""
    moments = {name: plan for name, plan in plans.items() if plan.kind in ("date", "timestamp")}
    read = ", ".join(f"{_read_moment(name, plan)} AS {_glance(name)}" for name, plan in moments.items())
    values = ", ".join(f"{_value(name, plan, facts)} AS {quoted_name(name)}" for name, plan in plans.items())
    values += f", NOT contains(quantity, '.') AS {_WHOLE}" if "quantity" in plans else ""
    return f"SELECT {values} FROM (SELECT *{', ' if read else ''}{read} FROM ({cells}))"


def _glance(name: str) -> str:
    return quoted_name(f"_glance_{name}")


def _read_moment(name: str, plan: ColumnPlan) -> str:
    cell = quoted_name(name)
    read = [f"try_strptime({cell}, {quoted_text(pattern)})" for pattern in plan.patterns]
    return f"coalesce({', '.join(read)})" if read else f"TRY_CAST({cell} AS TIMESTAMP)"


def _value(name: str, plan: ColumnPlan, facts: Scan) -> str:
    cell = quoted_name(name)
    if plan.kind in _DECIMALS:
        odd = [f"contains({cell}, '{sign}')" for sign in "_eE" if sign in facts.signs]
        return _unless(odd, f"CAST({cell} AS {_DECIMALS[plan.kind]})")
    if plan.kind == "id":
        return _unless(_doubts_about_id(cell, facts), cell)
    return cell if plan.kind in ("text", "category") else _moment(name, plan)


def _unless(doubts: list[str], value: str) -> str:
    return f"CASE WHEN {' OR '.join(doubts)} THEN {_DOUBT} ELSE {value} END" if doubts else value


def _doubts_about_id(cell: str, facts: Scan) -> list[str]:
    """Say when an id may have to be repaired or refused: see `casting.id_statistics`."""
    doubts = [f"ends_with({cell}, '.0')", f"(ends_with({cell}, '000') AND strlen({cell}) >= {LONG_ID_DIGITS})"]
    doubts += [f"contains({cell}, '+')"] if "+" in facts.signs else []
    return doubts if facts.printable else [*doubts, f"regexp_matches({cell}, '[^\\x20-\\x7E]')"]


def _moment(name: str, plan: ColumnPlan) -> str:
    """Take a moment that is written as the engine would write it, or as a declared pattern says."""
    cell, read = quoted_name(name), _glance(name)
    kind = "DATE" if plan.kind == "date" else "TIMESTAMP"
    fits = [f"{read} IS NOT NULL"]
    if not plan.patterns:
        fits = [f"strlen({cell}) = 19 AND CAST({read} AS VARCHAR) = {cell}",
                f"strlen({cell}) = 10 AND CAST(CAST({read} AS DATE) AS VARCHAR) = {cell}"]  # fmt: skip
    taken = " ".join(f"WHEN {each} THEN CAST({read} AS {kind})" for each in fits)
    return f"CASE {taken} WHEN {cell} IS NULL THEN NULL ELSE {_DOUBT} END"


def _with_amount(engine: ibis.BaseBackend, typed: ibis.Table, source: SourceParams) -> ibis.Table:
    """Add the money of a line as `acceptance.accept` derives it."""
    rest = [name for name in typed.columns if name != _WHOLE]
    if "amount" not in derived_names(source):
        return typed.select(*rest)
    product = typed.unit_price if "unit_price" in typed.columns else ibis.null("decimal(18, 4)")
    if {"quantity", "unit_price"} <= set(typed.columns):
        few = ibis.cases((typed[_WHOLE], typed.quantity.try_cast("decimal(7, 0)")))  # the product has 18 digits at most
        typed = _settled(engine, typed.mutate(_few=few, _price=typed.unit_price.try_cast("decimal(11, 4)")))
        exact = exact_product(typed.quantity, typed.unit_price)
        typed = _settled(engine, typed.mutate(_product=ibis.coalesce(typed["_few"] * typed["_price"], exact)))
        product = typed["_product"].cast("decimal(18, 4)")
    amount = ibis.coalesce(typed.amount, product) if "amount" in typed.columns else product
    return typed.mutate(amount=amount).select(*rest, *({"amount"} - set(rest)))


def _settled(engine: ibis.BaseBackend, table: ibis.Table) -> ibis.Table:
    """Fix a table's query, so that its columns have the types the engine gives them."""
    return engine.sql(engine.compile(table))


def _holds(target: Path, needed: tuple[str, ...], plans: Mapping[str, ColumnPlan]) -> bool:
    """Tell from the footer whether no needed cell is missing and no moment lies outside the dates allowed."""
    footer = pq.read_metadata(target)
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            found, plan = column.statistics, plans.get(column.path_in_schema)
            if column.path_in_schema in needed and (found is None or not found.has_null_count or found.null_count):
                return False
            if plan is not None and plan.kind in ("date", "timestamp") and not _in_range(found, plan, group.num_rows):
                return False
    return True


def _in_range(found: pq.Statistics | None, plan: ColumnPlan, rows: int) -> bool:
    if found is None or not found.has_min_max:
        return found is not None and found.has_null_count and found.null_count == rows
    first, last = (each.date() if isinstance(each, dt.datetime) else each for each in (found.min, found.max))
    return plan.date_min <= first and last <= min(plan.date_max, _LAST_DAY)
