"""Which records of a source are accepted, with typed columns, and which cells or rows are not; for 01_check_quality."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import ibis
import pyarrow.parquet as pq

from workbench.core.params import SourceParams
from workbench.core.schema import CONTACT_COLUMNS, columns_of
from workbench.intake.casting import (
    Cell,
    ColumnPlan,
    cast_cell,
    essential_columns,
    glance_at,
    has_damaged_long_ids,
    id_statistics,
    read_cell,
    strip_cell,
)
from workbench.intake.contact_quality import contact_facts, shared_phones
from workbench.intake.currency import NO_RATE, convert_money, rate_spans, read_rates, refuse_mixed

__all__ = [
    "STATE",
    "Accepted",
    "accept",
    "conclude",
    "derived_kinds",
    "derived_names",
    "exact_product",
    "judged_cells",
    "kinds_of",
]

_ORIGIN = ("_file", "_line", "_order")
_MISSING_MONEY, _MISSING_ID, _TOO_BIG = "money-missing", "id-missing", "out-of-range"
_MONEY_LIMIT = "99999999999999"  # money holds fourteen digits before the point
_SURELY_FITS = 9e13  # a product of floats below this is below the limit; beyond it the exact product decides
_BLANK, _CODE, _RAW, _VERDICT = "_blank_", "_code_", "_raw_", "_verdict"
STATE = "_state"
_GLANCE, _READ, _PRODUCT = "_glance_", "_read_", "_product"
_ASIDE, AS_WRITTEN = "_aside_", "birth_date_as_written"
_NO_CODE = ibis.null("string")


@dataclass(frozen=True)
class Accepted:
    """The accepted rows of a source and what happened to the others.

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
        Records rejected, by the code of their first cell that cannot be used.
    nulled : dict of str to int
        Cells of accepted records that became null, by code.
    repairs : dict of str to int
        ``blanks`` (cells that lost surrounding blanks), ``keys_normalised``, ``point_zero``.
    contact : dict of str to int
        Of contact columns, whose values are in no table: ``<column>.filled``, ``.placeholder``, ``.invalid``, and
        ``phone.shared``; empty where none is mapped.
    widths : dict of str to int
        Cells whose number of characters is not the declared one, by column.
    people : ibis.Table or None
        The accepted rows of a customers source with their contact columns as text and ``birth_date_as_written``; only
        where asked for.
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
    """Cast the columns of a source, reject the rows without meaning, keep the reason of everything left out.

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
        Give the people of a customers source beside the table, for 02_resolve_identity.

    Returns
    -------
    Accepted
        ``amount`` is filled from quantity and unit price (rounded half to even at the fourth decimal) where the source
        has none; ``customer_id`` from ``source_id``.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    kinds = kinds_of(source)
    stripped = _settle(engine, _strip(raw))
    facts = _facts(stripped, source, kinds, dates)
    kinds |= {name: "number" for name in source.attributes if facts.pop(f"numeric {name}", 0)}
    plans = {name: _plan(name, kind, source, facts, dates) for name, kind in kinds.items()}
    stripped, cells = cast_cells(engine, stripped, plans)
    kinds |= derived_kinds(source, kinds)
    contacts = _contacts(source, stripped) if keep_contacts else {}
    typed = _settle(engine, _lay_out(stripped, cells, contacts, _ORIGIN))
    if "currency" in cells:
        typed = _settle(engine, _in_one_currency(engine, typed, source, kinds, root=root, scratch=scratch))
    judged = _write(engine, _judge(engine, typed, source, list(cells)), scratch / "judged.parquet")
    table = judged.filter(judged[_VERDICT].isnull()).select(*kinds, *_ORIGIN)
    accepted = conclude(table, _find_spoiled(judged, list(kinds)), kinds, repairs=_repairs(facts, kinds))
    return replace(
        accepted,
        contact=_contact_counts(stripped, facts),
        widths={name: facts[f"width {name}"] for name in source.widths if facts.get(f"width {name}")},
        people=_people(judged, kinds, contacts) if keep_contacts and source.table == "customers" else None,
    )


def cast_cells(
    engine: ibis.BaseBackend, stripped: ibis.Table, plans: Mapping[str, ColumnPlan]
) -> tuple[ibis.Table, dict[str, Cell]]:
    """Cast columns of stripped text; the table returned has beside them what was read of each."""
    table, glances = _beside(
        engine, stripped, {name: glance_at(stripped[name], plan) for name, plan in plans.items()}, _GLANCE
    )
    table, reads = _beside(
        engine, table, {name: read_cell(table[name], plan, glances[name]) for name, plan in plans.items()}, _READ
    )
    return table, {name: cast_cell(table[name], plan, reads[name]) for name, plan in plans.items()}


def _beside(
    engine: ibis.BaseBackend, table: ibis.Table, values: Mapping[str, ibis.Value | None], prefix: str
) -> tuple[ibis.Table, dict[str, ibis.Value | None]]:
    """Fix values as columns beside those of a table."""
    given = {f"{prefix}{name}": value for name, value in values.items() if value is not None}
    table = _settle(engine, table.mutate(**given)) if given else table
    return table, {name: table[f"{prefix}{name}"] if f"{prefix}{name}" in given else None for name in values}


def judged_cells(
    engine: ibis.BaseBackend, stripped: ibis.Table, source: SourceParams, plans: Mapping[str, ColumnPlan]
) -> ibis.Table:
    """Judge rows of stripped text in one query, for a file of which nothing has to be known before it is cast.

    Returns
    -------
    ibis.Table
        Typed columns, their codes and raw texts, the verdict; in the order of the rows, without their origin.
        ``_state`` is 0 where every cell is usable, 1 where one is not, 2 where the row is rejected.
    """
    read, cells = cast_cells(engine, stripped, plans)
    judged = _judge(engine, _settle(engine, _lay_out(read, cells, {}, ())), source, list(cells))
    kinds = kinds_of(source)
    state = ibis.cases(
        (judged[_VERDICT].notnull(), 2), (_any_code(judged, [*kinds, *derived_kinds(source, kinds)]), 1), else_=0
    )
    return _settle(engine, judged.mutate(**{STATE: state}))  # an INTEGER of the engine, whatever its values


def conclude(
    table: ibis.Table, spoiled: ibis.Table | None, kinds: dict[str, str], *, repairs: dict[str, int]
) -> Accepted:
    """Count the accepted rows of a source, and what is wrong with the rows that hold an unusable cell."""
    return Accepted(
        table=table,
        kinds=kinds,
        rows=int(table.count().execute()),
        rejects=_as_rejects(spoiled, list(kinds)) if spoiled is not None else None,
        rejected=_count_rejected(spoiled) if spoiled is not None else {},
        nulled=_count_nulled(spoiled, list(kinds)) if spoiled is not None else {},
        repairs=repairs,
        contact={},
        widths={},
    )


def _contacts(source: SourceParams, stripped: ibis.Table) -> dict[str, ibis.Value]:
    """Lay contact cells aside as text, and the birth date as it is written: one wrong digit of it still tells much."""
    if source.table != "customers":
        return {}
    aside = {f"{_ASIDE}{name}": stripped[name].cast("string") for name in CONTACT_COLUMNS if name in source.columns}
    if "birth_date" in source.columns:
        aside[f"{_ASIDE}{AS_WRITTEN}"] = stripped["birth_date"].cast("string")
    return aside


def _people(judged: ibis.Table, kinds: Mapping[str, str], contacts: Mapping[str, ibis.Value]) -> ibis.Table:
    aside = {name.removeprefix(_ASIDE): judged[name] for name in contacts}
    return judged.filter(judged[_VERDICT].isnull()).select(*kinds, **aside, **{name: judged[name] for name in _ORIGIN})


def kinds_of(source: SourceParams) -> dict[str, str]:
    """Return the kind of every mapped column that is cast; contact columns are not."""
    known = columns_of(source.table, contact=False, neighbours=True)
    kinds = {name: known[name] for name in source.columns if name in known}
    return kinds | {name: "category" for name in source.attributes}


def _strip(raw: ibis.Table) -> ibis.Table:
    """Strip every text cell, and note beside it whether it lost blanks."""
    texts = [name for name in raw.columns if name not in _ORIGIN and raw[name].type().is_string()]
    cells = {name: strip_cell(raw[name]) for name in texts}
    changed = {f"{_BLANK}{name}": raw[name] != cells[name].fill_null("") for name in texts}
    return raw.mutate(**cells, **changed)


def _facts(
    stripped: ibis.Table,
    source: SourceParams,
    kinds: Mapping[str, str],
    dates: tuple[dt.date, dt.date],
) -> dict[str, int]:
    """Count in one pass what the casts depend on."""
    aggregates: dict[str, ibis.Value] = {}
    for name, kind in kinds.items():
        if f"{_BLANK}{name}" in stripped.columns:
            aggregates[f"blanks {name}"] = stripped[f"{_BLANK}{name}"].cast("int64").sum().fill_null(0)
        if kind == "id":
            facts = id_statistics(stripped[name].cast("string"))
            aggregates |= {f"{fact} {name}": value for fact, value in facts.items()}
    for name, width in source.widths.items():
        if name in stripped.columns:
            other = stripped[name].cast("string").length() != width
            aggregates[f"width {name}"] = other.cast("int64").sum().fill_null(0)
    for name in source.attributes if source.layout == "long" else ():  # answers stay as they are written
        as_number = cast_cell(stripped[name], ColumnPlan(name, "number", source.formats, *dates))
        parses = (as_number.code.count() == 0) & (as_number.value.count() > 0)
        is_text = stripped[name].type().is_boolean() or stripped[name].type().is_temporal()
        aggregates[f"numeric {name}"] = ibis.literal(0) if is_text else parses.cast("int64")
    private = [name for name in source.columns if name in CONTACT_COLUMNS and name in stripped.columns]
    aggregates |= contact_facts(stripped, private)
    if not aggregates:
        return {}
    found = stripped.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    return {name: int(count or 0) for name, count in found.items()}


def _in_one_currency(
    engine: ibis.BaseBackend, typed: ibis.Table, source: SourceParams, kinds: Mapping[str, str], *, root: Path,
    scratch: Path,
) -> ibis.Table:  # fmt: skip
    """Bring money to the declared currency, or refuse a mixture; a line without a rate gets its code."""
    money = [name for name, kind in kinds.items() if kind == "money" and name in typed.columns]
    if not source.formats.rates:
        found = typed.filter(typed.currency.notnull()).select(currency=typed.currency.upper()).distinct().limit(100)
        refuse_mixed(found.to_pyarrow()["currency"].to_pylist() if money else [], source)
        return typed
    pq.write_table(rate_spans(read_rates(root / source.formats.rates, source.formats.rates)), scratch / "rates.parquet")
    rates = engine.read_parquet(str(scratch / "rates.parquet"))
    rows = convert_money(typed, rates, source, money=money)
    said = {
        f"{_CODE}{name}": ibis.cases(
            (rows[f"{_CODE}{name}"].notnull() | rows[name].notnull() | rows[f"{_RAW}{name}"].isnull(),
             rows[f"{_CODE}{name}"]),
            (rows["_no_rate"], NO_RATE),
            else_=_TOO_BIG,
        )
        for name in money
    }  # fmt: skip
    return rows.mutate(**said).drop("_no_rate")


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


def derived_kinds(source: SourceParams, kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the kinds of the derived columns that a source does not map itself."""
    return {name: "money" if name == "amount" else "id" for name in derived_names(source) if name not in kinds}


def derived_names(source: SourceParams) -> tuple[str, ...]:
    """Name the columns that are filled from others, or may not be missing."""
    mapped = set(source.columns)
    if source.table == "transactions" and mapped & {"amount", "unit_price"}:
        return ("amount",)
    if source.table == "customers" and mapped & {"customer_id", "source_id"}:
        return ("customer_id",)
    return ("product_id",) if source.table == "products" and "product_id" in mapped else ()


def _lay_out(
    stripped: ibis.Table, cells: Mapping[str, Cell], contacts: Mapping[str, ibis.Value], origin: tuple[str, ...]
) -> ibis.Table:
    """Lay out typed values, codes, and the raw text of cells that have one."""
    return stripped.select(
        **{name: cell.value for name, cell in cells.items()},
        **{f"{_CODE}{name}": cell.code for name, cell in cells.items()},
        **{f"{_RAW}{name}": stripped[name].cast("string") for name in cells},
        **contacts,
        **{name: stripped[name] for name in origin},
    )


def _judge(engine: ibis.BaseBackend, typed: ibis.Table, source: SourceParams, names: list[str]) -> ibis.Table:
    """Fill the derived columns and give each row the code for which it is rejected (null: accepted)."""
    if "amount" in derived_names(source) and {"quantity", "unit_price"} <= set(names):
        typed = _settle(engine, typed.mutate(**{_PRODUCT: exact_product(typed.quantity, typed.unit_price)}))
    cells = {name: Cell(typed[name], typed[f"{_CODE}{name}"]) for name in names}
    product = typed[_PRODUCT].cast("decimal(18, 4)") if _PRODUCT in typed.columns else None
    derived = {name: _derive(name, cells, product) for name in derived_names(source)}
    filled = typed.mutate(
        **{name: cell.value for name, cell in derived.items()},
        **{f"{_CODE}{name}": cell.code for name, cell in derived.items()},
        **{f"{_RAW}{name}": _NO_CODE for name in derived if name not in cells},
    )
    filled = filled.drop(_PRODUCT) if product is not None else filled
    if derived:
        filled = _settle(engine, filled)
    every = [*names, *(name for name in derived if name not in cells)]
    needed = [*(name for name in essential_columns(source.table, list(source.columns)) if name in every), *derived]
    verdict = ibis.coalesce(*[filled[f"{_CODE}{name}"] for name in dict.fromkeys(needed)], _NO_CODE)
    raws = {
        f"{_RAW}{name}": ibis.cases((filled[f"{_CODE}{name}"].notnull(), filled[f"{_RAW}{name}"]), else_=_NO_CODE)
        for name in every
    }
    return filled.mutate(**raws, **{_VERDICT: verdict})


def _derive(name: str, cells: Mapping[str, Cell], product: ibis.Value | None) -> Cell:
    if name == "amount":
        return _amount(cells, product)
    given = [cells[each] for each in (name, "source_id") if each in cells]
    value = ibis.coalesce(*[cell.value for cell in given])
    return _needed(value, given, ibis.literal(_MISSING_ID), own=name in cells)


def _amount(cells: Mapping[str, Cell], product: ibis.Value | None) -> Cell:
    """Take the amount, else quantity times unit price; a line without money is missing it."""
    factors = [cells[name] for name in ("quantity", "unit_price") if name in cells]
    missing = ibis.literal(_MISSING_MONEY)
    if product is None:
        product = cells["unit_price"].value if "unit_price" in cells else None
    else:
        given = cells["quantity"].value.notnull() & cells["unit_price"].value.notnull()
        missing = ibis.cases((given & product.isnull(), _TOO_BIG), else_=_MISSING_MONEY)
    if "amount" not in cells:
        return _needed(product, factors, missing, own=False)
    amount = cells["amount"]
    value = amount.value if product is None else ibis.coalesce(amount.value, product)
    return _needed(value, [amount], missing, own=True)


def _needed(value: ibis.Value, parts: list[Cell], missing: ibis.Value, *, own: bool) -> Cell:
    """Give a value that may not be missing its code; the code of its parts stays with them unless one is its own."""
    codes = ibis.coalesce(*[part.code for part in parts], _NO_CODE)
    said = parts[0].code if own else _NO_CODE
    code = ibis.cases((codes.isnull() & value.isnull(), missing), else_=said)
    return Cell(ibis.cases((codes.isnull(), value), else_=ibis.null(value.type())), code)


def exact_product(quantity: ibis.Value, price: ibis.Value) -> ibis.Value:
    """Multiply exactly and round half to even at the fourth decimal; a whole quantity needs no rounding.

    A product of more digits than money holds is null.
    """
    whole = quantity.cast("int64")
    exact = (quantity.cast("decimal(20, 3)") * price.cast("decimal(20, 4)")).cast("decimal(38, 7)")
    fits = exact.abs() < _decimal(_MONEY_LIMIT, "decimal(38, 7)")
    small = (quantity.cast("float64") * price.cast("float64")).abs() < _SURELY_FITS
    exact = ibis.cases((fits, exact), else_=ibis.null("decimal(38, 7)"))
    rounded = exact.round(4).cast("decimal(18, 4)")
    is_tie = (rounded.cast("decimal(38, 7)") - exact).abs() == _decimal("0.00005", "decimal(38, 7)")
    is_odd = (rounded.cast("decimal(38, 4)") * 10_000).cast("int64") % 2 != 0
    step = _decimal("0.0001", "decimal(18, 4)")
    even = (rounded - ibis.cases((exact < 0, -step), else_=step)).cast("decimal(18, 4)")
    product = ibis.cases((is_tie & is_odd, even), else_=rounded)
    return ibis.cases(((quantity == whole) & small, (whole * price).cast("decimal(18, 4)")), else_=product)


def _decimal(text: str, kind: str) -> ibis.Value:
    return ibis.literal(text).cast(kind)


def _any_code(judged: ibis.Table, names: list[str]) -> ibis.Value:
    return ibis.or_(*[judged[f"{_CODE}{name}"].notnull() for name in names])


def _find_spoiled(judged: ibis.Table, names: list[str]) -> ibis.Table | None:
    """Return the rows with an unusable cell; None where there is no such row."""
    spoiled = judged.filter(_any_code(judged, names))
    return spoiled if int(spoiled.count().execute()) else None


def _as_rejects(spoiled: ibis.Table, names: list[str]) -> ibis.Table:
    parts = [
        spoiled.filter(spoiled[f"{_CODE}{name}"].notnull()).select(
            file=ibis._["_file"],
            line=ibis._["_line"].cast("int64"),
            column=ibis.literal(name),
            code=ibis._[f"{_CODE}{name}"],
            raw=ibis._[f"{_RAW}{name}"],
        )
        for name in names
    ]
    return ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]


def _count_rejected(spoiled: ibis.Table) -> dict[str, int]:
    rejected = spoiled.filter(spoiled[_VERDICT].notnull())
    counts = rejected.group_by(_VERDICT).agg(n=rejected.count()).order_by(_VERDICT).to_pyarrow().to_pylist()
    return {row[_VERDICT]: int(row["n"]) for row in counts}


def _count_nulled(spoiled: ibis.Table, names: list[str]) -> dict[str, int]:
    kept = spoiled.filter(spoiled[_VERDICT].isnull())
    codes = [kept.select(code=kept[f"{_CODE}{name}"]) for name in names]
    stacked = ibis.union(*codes, distinct=False) if len(codes) > 1 else codes[0]
    stacked = stacked.filter(stacked.code.notnull())
    counts = stacked.group_by("code").agg(n=stacked.count()).order_by("code").to_pyarrow().to_pylist()
    return {row["code"]: int(row["n"]) for row in counts}


def _repairs(facts: Mapping[str, int], kinds: Mapping[str, str]) -> dict[str, int]:
    ids = [name for name, kind in kinds.items() if kind == "id" and f"filled {name}" in facts]
    whole = [facts[f"filled {name}"] for name in ids if facts[f"point_zero {name}"] == facts[f"filled {name}"]]
    repairs = {
        "blanks": sum(count for fact, count in facts.items() if fact.startswith("blanks ")),
        "keys_normalised": sum(facts[f"folded {name}"] for name in ids),
        "point_zero": sum(whole),
    }
    return {name: count for name, count in repairs.items() if count}


def _settle(engine: ibis.BaseBackend, table: ibis.Table) -> ibis.Table:
    """Fix a table's query as it stands, so that later steps name its columns instead of repeating their formulas."""
    return engine.sql(engine.compile(table))


def _write(engine: ibis.BaseBackend, table: ibis.Table, target: Path) -> ibis.Table:
    engine.to_parquet(table, target, compression="snappy")  # read once more, then removed
    target.chmod(0o600)
    return engine.read_parquet(str(target))
