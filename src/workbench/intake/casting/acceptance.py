"""Cast the columns of a source, reject unusable cells and rows; used by 01_check_quality."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow.parquet as pq

from workbench.core.schema import CONTACT_COLUMNS
from workbench.intake.casting.cells import AGE_WORDS, NOTHING, cast_cell, has_more_digits
from workbench.intake.casting.column_kinds import ColumnPlan, derived_kinds, kinds_of
from workbench.intake.casting.contact_quality import contact_facts, shared_phones
from workbench.intake.casting.currency import NO_RATE, convert_money, rate_spans, read_rates, refuse_mixed
from workbench.intake.casting.ids import BLANK, ORIGIN, has_damaged_long_ids, id_statistics, strip_cells
from workbench.intake.casting.verdicts import (
    CODE,
    RAW,
    TOO_BIG,
    VERDICT,
    any_code,
    as_view,
    cast_cells,
    judge,
    select_typed,
)

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["Accepted", "accept", "count_accepted"]

_CONTACT, AS_WRITTEN = "_aside_", "birth_date_as_written"


@dataclass(frozen=True)
class Accepted:
    """The accepted rows of a source, and the counts of rejected and repaired ones.

    Attributes
    ----------
    table : ibis.Table
        Typed columns, ``_file``, ``_line``, ``_order``; no contact columns.
    kinds : dict of str to str
        Kind of every typed column.
    rows : int
    rejects : ibis.Table or None
        file, line, column, code, raw: one row per unusable cell, of rejected and of accepted records.
    rejected : dict of str to int
        Number of rejected records, by the code of their first unusable cell.
    nulled : dict of str to int
        Cells of accepted records that became null, by code.
    repairs : dict of str to int
        ``blanks`` (cells that lost surrounding blanks), ``keys_normalised``, ``point_zero``.
    contact : dict of str to int
        Counts for contact columns, whose values are in no table: ``<column>.filled``, ``.placeholder``, ``.invalid``,
        and ``phone.shared``; empty if none is mapped.
    widths : dict of str to int
        Number of cells without the declared number of characters, by column.
    people : ibis.Table or None
        The accepted rows of a customers source with their contact columns as text and ``birth_date_as_written``; only
        with ``keep_contacts``.
    """

    table: ibis.Table
    kinds: dict[str, str]
    rows: int
    rejects: ibis.Table | None
    rejected: dict[str, int]
    nulled: dict[str, int]
    repairs: dict[str, int]
    contact: dict[str, int]
    widths: dict[str, int]
    people: ibis.Table | None = None


def accept(
    engine: ibis.BaseBackend,
    raw: ibis.Table,
    source: SourceParams,
    *,
    root: Path,
    scratch: Path,
    dates: tuple[dt.date, dt.date],
    keep_contacts: bool = False,
) -> Accepted:
    """Cast the columns of a source, reject unusable rows, record the reason of every rejection.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    raw : ibis.Table
        One row per record: mapped columns (text, or typed from Parquet), ``_file``, ``_line``, ``_order``.
    source : SourceParams
    root : Path
        The workspace.
    scratch : Path
        A private folder.
    dates : (date, date)
        Dates before the first are placeholders, dates after the second lie in the future.
    keep_contacts : bool
        Also return the people of a customers source, for 02_resolve_identity.

    Returns
    -------
    Accepted
        ``amount`` is filled from quantity and unit price (rounded half to even at the fourth decimal) where the source
        has none; ``customer_id`` from ``source_id``.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    kinds = kinds_of(source)
    stripped = as_view(engine, strip_cells(raw))
    facts = _facts(stripped, source, kinds, dates)
    kinds |= {name: "number" for name in source.attributes if facts.pop(f"numeric {name}", 0)}
    plans = {name: _plan(name, kind, source, facts, dates) for name, kind in kinds.items()}
    stripped, cells = cast_cells(engine, stripped, plans)
    kinds |= derived_kinds(source, kinds)
    contacts = _contacts(source, stripped) if keep_contacts else {}
    typed = as_view(engine, select_typed(stripped, cells, contacts, ORIGIN))
    if "currency" in cells:
        typed = as_view(engine, _in_one_currency(engine, typed, source, kinds, root=root, scratch=scratch))
    judged = _write(engine, judge(engine, typed, source, list(cells)), scratch / "judged.parquet")
    table = judged.filter(judged[VERDICT].isnull()).select(*kinds, *ORIGIN)
    accepted = count_accepted(table, _find_spoiled(judged, list(kinds)), kinds, repairs=_repairs(facts, kinds))
    return replace(
        accepted,
        contact=_contact_counts(stripped, facts),
        widths={name: facts[f"width {name}"] for name in source.widths if facts.get(f"width {name}")},
        people=_people(judged, kinds, contacts) if keep_contacts and source.table == "customers" else None,
    )


def count_accepted(
    table: ibis.Table, spoiled: ibis.Table | None, kinds: dict[str, str], *, repairs: dict[str, int]
) -> Accepted:
    """Count accepted rows, rejected rows and unusable cells of a source."""
    engine = table.get_backend()
    return Accepted(
        table=table,
        kinds=kinds,
        rows=engine.raw_sql(engine.compile(table.count())).fetchall()[0][0],
        rejects=_as_rejects(spoiled, list(kinds)) if spoiled is not None else None,
        rejected=_count_rejected(spoiled) if spoiled is not None else {},
        nulled=_count_nulled(spoiled, list(kinds)) if spoiled is not None else {},
        repairs=repairs,
        contact={},
        widths={},
    )


def _contacts(source: SourceParams, stripped: ibis.Table) -> dict[str, ibis.Value]:
    """Keep contact cells and the birth date as text: a birth date with one wrong digit still helps to match people."""
    if source.table != "customers":
        return {}
    texts = {f"{_CONTACT}{name}": stripped[name].cast("string") for name in CONTACT_COLUMNS if name in source.columns}
    if "birth_date" in source.columns:
        texts[f"{_CONTACT}{AS_WRITTEN}"] = stripped["birth_date"].cast("string")
    return texts


def _people(judged: ibis.Table, kinds: Mapping[str, str], contacts: Mapping[str, ibis.Value]) -> ibis.Table:
    texts = {name.removeprefix(_CONTACT): judged[name] for name in contacts}
    return judged.filter(judged[VERDICT].isnull()).select(*kinds, **texts, **{name: judged[name] for name in ORIGIN})


def _facts(
    stripped: ibis.Table,
    source: SourceParams,
    kinds: Mapping[str, str],
    dates: tuple[dt.date, dt.date],
) -> dict[str, int]:
    """Count in one pass the facts that the casts depend on."""
    aggregates: dict[str, ibis.Value] = {}
    for name, kind in kinds.items():
        if f"{BLANK}{name}" in stripped.columns:
            aggregates[f"blanks {name}"] = stripped[f"{BLANK}{name}"].cast("int64").sum().fill_null(0)
        if kind in ("text", "category") and stripped[name].type().is_string():
            aggregates[f"nothing {name}"] = stripped[name].isin(NOTHING).cast("int64").sum().fill_null(0)
        if kind in ("money", "quantity") and stripped[name].type().is_string():
            more = has_more_digits(stripped[name], kind, source.formats.decimals)
            aggregates[f"shortened {name}"] = more.cast("int64").sum().fill_null(0)
        if name == "age" and stripped[name].type().is_string():
            aggregates[f"age_words {name}"] = stripped[name].re_search(AGE_WORDS).cast("int64").sum().fill_null(0)
        if kind == "id":
            facts = id_statistics(stripped[name])
            aggregates |= {f"{fact} {name}": value for fact, value in facts.items()}
    for name, width in source.widths.items():
        if name in stripped.columns:
            other = stripped[name].cast("string").length() != width
            aggregates[f"width {name}"] = other.cast("int64").sum().fill_null(0)
    for name in source.attributes if source.layout == "long" else ():  # answers stay unchanged
        as_number = cast_cell(stripped[name], ColumnPlan(name, "number", source.formats, *dates))
        parses = (as_number.code.count() == 0) & (as_number.value.count() > 0)
        is_text = stripped[name].type().is_boolean() or stripped[name].type().is_temporal()
        aggregates[f"numeric {name}"] = ibis.literal(0) if is_text else parses.cast("int64")
    private = [name for name in source.columns if name in CONTACT_COLUMNS and name in stripped.columns]
    aggregates |= contact_facts(stripped, private)
    if not aggregates:
        return {}
    counts = stripped.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    return {name: int(count or 0) for name, count in counts.items()}


def _in_one_currency(
    engine: ibis.BaseBackend, typed: ibis.Table, source: SourceParams, kinds: Mapping[str, str], *, root: Path,
    scratch: Path,
) -> ibis.Table:  # fmt: skip
    """Convert money to the declared currency, or refuse mixed currencies; lines without a rate get a reject code."""
    money = [name for name, kind in kinds.items() if kind == "money" and name in typed.columns]
    if not source.formats.rates:
        currencies = (
            typed.filter(typed.currency.notnull()).select(currency=typed.currency.upper()).distinct().limit(100)
        )
        refuse_mixed(currencies.to_pyarrow()["currency"].to_pylist() if money else [], source)
        return typed
    pq.write_table(rate_spans(read_rates(root / source.formats.rates, source.formats.rates)), scratch / "rates.parquet")
    rates = engine.read_parquet(str(scratch / "rates.parquet"))
    rows = convert_money(typed, rates, source, money=money)
    codes = {
        f"{CODE}{name}": ibis.cases(
            (rows[f"{CODE}{name}"].notnull() | rows[name].notnull() | rows[f"{RAW}{name}"].isnull(),
             rows[f"{CODE}{name}"]),
            (rows["_no_rate"], NO_RATE),
            else_=TOO_BIG,
        )
        for name in money
    }  # fmt: skip
    return rows.mutate(**codes).drop("_no_rate")


def _contact_counts(stripped: ibis.Table, facts: Mapping[str, int]) -> dict[str, int]:
    counts = {
        name.removeprefix("contact ").replace(" ", "."): count
        for name, count in facts.items()
        if name.startswith("contact ")
    }
    return counts | ({"phone.shared": shared_phones(stripped)} if "phone.filled" in counts else {})


def _plan(
    name: str, kind: str, source: SourceParams, facts: Mapping[str, int], dates: tuple[dt.date, dt.date]
) -> ColumnPlan:
    filled = facts.get(f"filled {name}", 0)
    return ColumnPlan(
        name,
        kind,
        source.formats,
        *dates,
        drop_point_zero=bool(filled) and facts[f"point_zero {name}"] == filled,
        long_ids_damaged=has_damaged_long_ids(facts.get(f"long {name}", 0), facts.get(f"long_zeros {name}", 0)),
    )


def _find_spoiled(judged: ibis.Table, names: list[str]) -> ibis.Table | None:
    """Return the rows with an unusable cell; None where there is no such row."""
    unusable = judged.filter(any_code(judged, names))
    return unusable if int(unusable.count().execute()) else None


def _as_rejects(spoiled: ibis.Table, names: list[str]) -> ibis.Table:
    parts = [
        spoiled.filter(spoiled[f"{CODE}{name}"].notnull()).select(
            file=ibis._["_file"],
            line=ibis._["_line"].cast("int64"),
            column=ibis.literal(name),
            code=ibis._[f"{CODE}{name}"],
            raw=ibis._[f"{RAW}{name}"],
        )
        for name in names
    ]
    return ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]


def _count_rejected(spoiled: ibis.Table) -> dict[str, int]:
    rejected = spoiled.filter(spoiled[VERDICT].notnull())
    counts = rejected.group_by(VERDICT).agg(n=rejected.count()).order_by(VERDICT).to_pyarrow().to_pylist()
    return {row[VERDICT]: int(row["n"]) for row in counts}


def _count_nulled(spoiled: ibis.Table, names: list[str]) -> dict[str, int]:
    accepted = spoiled.filter(spoiled[VERDICT].isnull())
    codes = [accepted.select(code=accepted[f"{CODE}{name}"]) for name in names]
    stacked = ibis.union(*codes, distinct=False) if len(codes) > 1 else codes[0]
    stacked = stacked.filter(stacked.code.notnull())
    counts = stacked.group_by("code").agg(n=stacked.count()).order_by("code").to_pyarrow().to_pylist()
    return {row["code"]: int(row["n"]) for row in counts}


def _repairs(facts: Mapping[str, int], kinds: Mapping[str, str]) -> dict[str, int]:
    ids = [name for name, kind in kinds.items() if kind == "id" and f"filled {name}" in facts]
    whole = [facts[f"filled {name}"] for name in ids if facts[f"point_zero {name}"] == facts[f"filled {name}"]]
    repairs = {
        "blanks": sum(count for fact, count in facts.items() if fact.startswith("blanks ")),
        "nothing_words": sum(count for fact, count in facts.items() if fact.startswith("nothing ")),
        "shortened": sum(count for fact, count in facts.items() if fact.startswith("shortened ")),
        "age_words": sum(count for fact, count in facts.items() if fact.startswith("age_words ")),
        "keys_normalised": sum(facts[f"folded {name}"] for name in ids),
        "point_zero": sum(whole),
    }
    return {name: count for name, count in repairs.items() if count}


def _write(engine: ibis.BaseBackend, table: ibis.Table, target: Path) -> ibis.Table:
    engine.to_parquet(table, target, compression="snappy")  # read once, then removed
    target.chmod(0o600)
    return engine.read_parquet(str(target))
