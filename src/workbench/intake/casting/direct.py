"""Text files straight into a Parquet file of typed columns, as the engine's own COPY; used by 01_check_quality.

The scan of the bytes has proven where the cells of a file stand (`tidy.is_tidy`). The engine splits and casts while it
writes; a cell about which there is a doubt gets a value that no such cell can have, and its record is judged by
`doubts`. Lines with too few or too many fields the engine leaves out and names; each is looked up and counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from workbench.core.schema import CANONICAL, ibis_type
from workbench.intake.casting.cells import BLANKS, LONG_ID_DIGITS, ColumnPlan
from workbench.intake.casting.column_kinds import EXCEL_DATE, derived_names, kinds_of
from workbench.intake.casting.verdicts import exact_product
from workbench.intake.reading.odd_lines import OddLines, leave_out, leaves_out, line_sql
from workbench.intake.reading.raw_files import REFUSALS, ReadyText, engine_reader
from workbench.intake.reading.scratch import copy_rows, quoted_name, quoted_text

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.reading.text_files import Head

__all__ = ["Copied", "copy_directly"]

_DECIMALS = {"money": "DECIMAL(18, 4)", "quantity": "DECIMAL(18, 3)"}
_KINDS = ("text", "category", "id", "date", "timestamp", *_DECIMALS)
_NEVER = {  # what a cell in doubt is copied as: no cell beyond doubt says so
    "date": "DATE '0001-01-01'", "timestamp": "TIMESTAMP '0001-01-01'",
    "money": "-99999999999999.9999::DECIMAL(18, 4)", "quantity": "-999999999999999.999::DECIMAL(18, 3)",
}  # fmt: skip
_NO_TEXT = "''"  # the same for every other kind
_WRITTEN = {  # length and form of a moment the engine has read, where it can only say what it means
    19: "[0-9]???-?[0-9]-?[0-9] [0-9]?:?[0-9]:?[0-9]", 10: "[0-9]???-?[0-9]-?[0-9]",
}  # fmt: skip
_WHOLE = "_whole"  # the quantity is written without a point
_LAST_DAY = dt.date(9998, 12, 31)  # later ones are placeholders
_SAMPLE, _FEW = 4096, 0.02  # records looked at first; share of them in doubt above which copying does not pay


@dataclass(frozen=True)
class Copied:
    """A text file, copied.

    Attributes
    ----------
    path : Path
        Typed columns in the order of the schema, one row per record with the full number of fields.
    count : int
        Its rows.
    line : str
        The line a row of it came from, as SQL over ``file_row_number``.
    doubts : tuple of str
        SQL that is true where a cell is in doubt, each of one column and one comparison.
    odd : OddLines
        The lines that hold no record.
    """

    path: Path
    count: int
    line: str
    doubts: tuple[str, ...]
    odd: OddLines


def copy_directly(
    engine: ibis.BaseBackend, ready: ReadyText, source: SourceParams, *, head: Head, columns: Mapping[str, int],
    target: Path, dates: tuple[dt.date, dt.date],
) -> Copied | None:  # fmt: skip
    """Copy the records of a file whose cells stand between two separators, cast, into a Parquet file.

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
    Copied or None
        None where formats are declared that the engine does not know, where many cells are in doubt, or where the
        engine finds other records than the bytes say.
    """
    plans = {name: ColumnPlan(name, kind, source.formats, *dates) for name, kind in kinds_of(source).items()}
    if not _is_plain(source, plans):
        return None
    skipping = leaves_out(ready, head)
    cells = ", ".join(f"c{at} AS {quoted_name(ours)}" for ours, at in columns.items())
    doubts = _doubts(plans, derived_names(source), trimmed=ready.facts.trimmed)
    names = [*plans, *derived_names(source)]
    ordered = [each.name for each in CANONICAL[source.table].columns if each.name in names]
    values = ", ".join(map(quoted_name, dict.fromkeys([*ordered, *names])))

    def query(noted: str = "", limit: str = "") -> str:
        rows = engine_reader(ready.text, head, skipping=skipping, noted=noted)
        typed = _typed_sql(f"SELECT {cells} FROM {rows}{limit}", plans, ready)
        return f"SELECT {values} FROM ({_with_amount(engine, typed, plans, source)})"

    try:
        if doubts and _many(engine, query(limit=f" LIMIT {_SAMPLE}"), doubts):
            return None
        count, odd = leave_out(
            engine, lambda noted: copy_rows(engine, query(noted), target, lasting=True), ready, head=head
        )
    except REFUSALS:
        return None
    return None if odd is None else Copied(target, count, line_sql(odd, first=1 + int(bool(head.header))), doubts, odd)


def _is_plain(source: SourceParams, plans: Mapping[str, ColumnPlan]) -> bool:
    """Tell whether a source declares nothing beyond patterns of dates, and has no columns but those cast here."""
    formats = source.formats
    declared = formats.currency or formats.units or formats.stored_in or "decimals" in formats.model_fields_set
    by_serial = any(EXCEL_DATE in plan.patterns for plan in plans.values())
    return not declared and not by_serial and {plan.kind for plan in plans.values()} <= set(_KINDS)


def _many(engine: ibis.BaseBackend, sample: str, doubts: tuple[str, ...]) -> bool:
    """Tell whether more than a few of the first records are in doubt."""
    asked = f"SELECT count(*), count(*) FILTER ({' OR '.join(doubts)}) FROM ({sample})"
    total, found = engine.raw_sql(asked).fetchall()[0]
    return found > max(3, _FEW * total)


def _typed_sql(cells: str, plans: Mapping[str, ColumnPlan], ready: ReadyText) -> str:
    """Cast every column; moments are read first, so that each is read once."""
    moments = {name: plan for name, plan in plans.items() if plan.kind in ("date", "timestamp")}
    read = ", ".join(f"{_read_moment(name, plan)} AS {_glance(name)}" for name, plan in moments.items())
    values = ", ".join(f"{_value(name, plan, ready)} AS {quoted_name(name)}" for name, plan in plans.items())
    values += f", NOT contains(quantity, '.') AS {_WHOLE}" if "quantity" in plans else ""
    return f"SELECT {values} FROM (SELECT *{', ' if read else ''}{read} FROM ({cells}))"


def _glance(name: str) -> str:
    return quoted_name(f"_glance_{name}")


def _read_moment(name: str, plan: ColumnPlan) -> str:
    cell = quoted_name(name)
    read = [f"try_strptime({cell}, {quoted_text(pattern)})" for pattern in plan.patterns]
    return f"coalesce({', '.join(read)})" if read else f"TRY_CAST({cell} AS TIMESTAMP)"


def _value(name: str, plan: ColumnPlan, ready: ReadyText) -> str:
    cell, never = quoted_name(name), _NEVER.get(plan.kind, _NO_TEXT)
    edges = [] if ready.facts.trimmed else [f"{cell} <> trim({cell}, {quoted_text(BLANKS)})"]
    if plan.kind in _DECIMALS:
        odd = [f"contains({cell}, '{sign}')" for sign in "_eE" if sign in ready.facts.signs]
        read = f"coalesce(TRY_CAST({cell} AS {_DECIMALS[plan.kind]}), CASE WHEN {cell} IS NOT NULL THEN {never} END)"
        return _unless([*edges, *odd], read, never)
    if plan.kind == "id":
        return _unless([*edges, *_doubts_about_id(cell, ready)], cell, never)
    return _unless(edges, cell if plan.kind in ("text", "category") else _moment(name, plan), never)


def _unless(doubts: list[str], value: str, never: str) -> str:
    return f"CASE WHEN {' OR '.join(doubts)} THEN {never} ELSE {value} END" if doubts else value


def _doubts_about_id(cell: str, ready: ReadyText) -> list[str]:
    """Say when an id may have to be repaired or refused: see `casting.id_statistics`."""
    damaged = f"ends_with({cell}, '.0') OR (strlen({cell}) >= {LONG_ID_DIGITS} AND ends_with({cell}, '000'))"
    doubts = [f"(ends_with({cell}, '0') AND ({damaged}))"]  # most are ruled out by one sign
    doubts += [f"contains({cell}, '+')"] if "+" in ready.facts.signs else []
    return doubts if ready.facts.printable else [*doubts, f"regexp_matches({cell}, '[^\\x20-\\x7E]')"]


def _moment(name: str, plan: ColumnPlan) -> str:
    """Take a moment that is written as the engine would write it, or as a declared pattern says."""
    cell, read = quoted_name(name), _glance(name)
    kind = "DATE" if plan.kind == "date" else "TIMESTAMP"
    fits = [f"{read} IS NOT NULL"]
    if not plan.patterns:
        given = f"{read} IS NOT NULL AND NOT contains({cell}, ' 24:')"  # midnight of the next day
        fits = [f"{given} AND strlen({cell}) = {length} AND {cell} GLOB '{form}'" for length, form in _WRITTEN.items()]
    taken = " ".join(f"WHEN {each} THEN CAST({read} AS {kind})" for each in fits)
    return f"CASE {taken} WHEN {cell} IS NULL THEN NULL ELSE {_NEVER[plan.kind]} END"


def _with_amount(engine: ibis.BaseBackend, typed: str, plans: Mapping[str, ColumnPlan], source: SourceParams) -> str:
    """Add the money of a line as `acceptance.accept` derives it."""
    if "amount" not in derived_names(source):
        return typed
    product = "unit_price" if "unit_price" in plans else "NULL::DECIMAL(18, 4)"
    if {"quantity", "unit_price"} <= set(plans):
        whole = f"CASE WHEN {_WHOLE} THEN TRY_CAST(quantity AS DECIMAL(7, 0)) END"
        few = f"{whole} * TRY_CAST(unit_price AS DECIMAL(11, 4))"  # it has 18 digits at most
        kinds = {name: ibis_type(plan.kind) for name, plan in plans.items()}
        lines = ibis.table({**kinds, "_few": "decimal(18, 4)"}, name="lines")
        exact = exact_product(lines.quantity, lines.unit_price)
        with_product = engine.compile(lines.mutate(_product=ibis.coalesce(lines["_few"], exact)))
        typed = f"WITH lines AS NOT MATERIALIZED (SELECT *, {few} AS _few FROM ({typed})) {with_product}"
        product = "_product::DECIMAL(18, 4)"
    if "amount" in plans:
        return f"SELECT * REPLACE (coalesce(amount, {product}) AS amount) FROM ({typed})"
    return f"SELECT *, {product} AS amount FROM ({typed})"


def _doubts(plans: Mapping[str, ColumnPlan], needed: tuple[str, ...], *, trimmed: bool) -> tuple[str, ...]:
    """Say of every column how a row of the copy shows that its cell is in doubt; what a footer can rule out."""
    doubts = []
    for name in dict.fromkeys([*plans, *needed]):
        cell, plan = quoted_name(name), plans.get(name)
        said = [f"{cell} IS NULL"] if name in needed else []
        if plan is not None and (plan.kind not in ("text", "category") or not trimmed):
            said.append(_shown(cell, plan.kind))
        if plan is not None and plan.kind in ("date", "timestamp"):
            end = min(plan.date_max, _LAST_DAY) + dt.timedelta(days=1)
            said += [f"{cell} < DATE '{plan.date_min.isoformat()}'", f"{cell} >= DATE '{end.isoformat()}'"]
        doubts += said
    return tuple(doubts)


def _shown(cell: str, kind: str) -> str:
    """Say how a cell in doubt shows, in words that a footer can rule out (``= ''`` it cannot)."""
    return f"{cell} = {_NEVER[kind]}" if kind in _NEVER else f"{cell} < chr(1)"
