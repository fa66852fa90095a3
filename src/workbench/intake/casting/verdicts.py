"""What becomes of a row: its typed values, why a cell cannot be used, and whether the row is rejected for it.

Used by 01_check_quality: `acceptance` judges all rows of a source, `doubts` the few that could not be copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING

import ibis

from workbench.intake.casting.cells import Cell, cast_cell, glance_at, read_cell
from workbench.intake.casting.column_kinds import derived_kinds, derived_names, essential_columns, kinds_of

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.casting.column_kinds import ColumnPlan

__all__ = [
    "CODE",
    "NO_CODE",
    "RAW",
    "STATE",
    "TOO_BIG",
    "VERDICT",
    "any_code",
    "cast_cells",
    "derive",
    "exact_product",
    "judge",
    "judged_cells",
    "lay_out",
    "settle",
]

_MISSING_MONEY, _MISSING_ID, TOO_BIG = "money-missing", "id-missing", "out-of-range"
_MONEY_LIMIT = "99999999999999"  # money holds fourteen digits before the point
_SURELY_FITS = 9e13  # a product of floats below this is below the limit; beyond it the exact product decides
CODE, RAW, VERDICT = "_code_", "_raw_", "_verdict"  # what stands before the names of columns that say why, and beside
STATE = "_state"
_GLANCE, _READ, _PRODUCT = "_glance_", "_read_", "_product"
NO_CODE = ibis.null("string")
_names = count()


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
    table = settle(engine, table.mutate(**given)) if given else table
    return table, {name: table[f"{prefix}{name}"] if f"{prefix}{name}" in given else None for name in values}


def judged_cells(
    engine: ibis.BaseBackend, stripped: ibis.Table, source: SourceParams, plans: Mapping[str, ColumnPlan], *,
    origin: tuple[str, ...] = (),
) -> ibis.Table:  # fmt: skip
    """Judge rows of stripped text in one query, of which nothing has to be known before they are cast.

    Returns
    -------
    ibis.Table
        Typed columns, their codes and raw texts, the verdict; in the order of the rows, with those columns of their
        origin that are named.
        ``_state`` is 0 where every cell is usable, 1 where one is not, 2 where the row is rejected.
    """
    read, cells = cast_cells(engine, stripped, plans)
    judged = judge(engine, settle(engine, lay_out(read, cells, {}, origin)), source, list(cells))
    kinds = kinds_of(source)
    state = ibis.cases(
        (judged[VERDICT].notnull(), 2), (any_code(judged, [*kinds, *derived_kinds(source, kinds)]), 1), else_=0
    )
    return settle(engine, judged.mutate(**{STATE: state}))  # an INTEGER of the engine, whatever its values


def lay_out(
    stripped: ibis.Table, cells: Mapping[str, Cell], contacts: Mapping[str, ibis.Value], origin: tuple[str, ...]
) -> ibis.Table:
    """Lay out typed values, codes, and the raw text of cells that have one."""
    converted = "currency" in cells  # then a value may still be lost
    raws = {
        name: stripped[name].cast("string")
        if converted or stripped[name].type().is_string()
        else ibis.cases((cell.value.isnull(), stripped[name].cast("string")), else_=NO_CODE)
        for name, cell in cells.items()
    }
    return stripped.select(
        **{name: cell.value for name, cell in cells.items()},
        **{f"{CODE}{name}": cell.code for name, cell in cells.items()},
        **{f"{RAW}{name}": raw for name, raw in raws.items()},
        **contacts,
        **{name: stripped[name] for name in origin},
    )


def judge(engine: ibis.BaseBackend, typed: ibis.Table, source: SourceParams, names: list[str]) -> ibis.Table:
    """Fill the derived columns and give each row the code for which it is rejected (null: accepted)."""
    if "amount" in derived_names(source) and {"quantity", "unit_price"} <= set(names):
        typed = settle(engine, typed.mutate(**{_PRODUCT: exact_product(typed.quantity, typed.unit_price)}))
    cells = {name: Cell(typed[name], typed[f"{CODE}{name}"]) for name in names}
    product = typed[_PRODUCT].cast("decimal(18, 4)") if _PRODUCT in typed.columns else None
    derived = {name: derive(name, cells, product) for name in derived_names(source)}
    filled = typed.mutate(
        **{name: cell.value for name, cell in derived.items()},
        **{f"{CODE}{name}": cell.code for name, cell in derived.items()},
        **{f"{RAW}{name}": NO_CODE for name in derived if name not in cells},
    )
    filled = filled.drop(_PRODUCT) if product is not None else filled
    if derived:
        filled = settle(engine, filled)
    every = [*names, *(name for name in derived if name not in cells)]
    needed = [*(name for name in essential_columns(source.table, list(source.columns)) if name in every), *derived]
    verdict = ibis.coalesce(*[filled[f"{CODE}{name}"] for name in dict.fromkeys(needed)], NO_CODE)
    raws = {
        f"{RAW}{name}": ibis.cases((filled[f"{CODE}{name}"].notnull(), filled[f"{RAW}{name}"]), else_=NO_CODE)
        for name in every
    }
    return filled.mutate(**raws, **{VERDICT: verdict})


def derive(name: str, cells: Mapping[str, Cell], product: ibis.Value | None) -> Cell:
    """Fill a column that may not be missing from the others; ``product`` is quantity times unit price."""
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
        missing = ibis.cases((given & product.isnull(), TOO_BIG), else_=_MISSING_MONEY)
    if "amount" not in cells:
        return _needed(product, factors, missing, own=False)
    amount = cells["amount"]
    value = amount.value if product is None else ibis.coalesce(amount.value, product)
    return _needed(value, [amount], missing, own=True)


def _needed(value: ibis.Value, parts: list[Cell], missing: ibis.Value, *, own: bool) -> Cell:
    """Give a value that may not be missing its code; the code of its parts stays with them unless one is its own."""
    codes = ibis.coalesce(*[part.code for part in parts], NO_CODE)
    said = parts[0].code if own else NO_CODE
    code = ibis.cases((codes.isnull() & value.isnull(), missing), else_=said)
    return Cell(ibis.cases((codes.isnull(), value), else_=ibis.null(value.type())), code)


def exact_product(quantity: ibis.Value, price: ibis.Value) -> ibis.Value:
    """Multiply exactly and round half to even at the fourth decimal; a whole quantity needs no rounding.

    A product of more digits than money holds is null.
    """
    few, whole = quantity.try_cast("decimal(7, 0)"), quantity.cast("int64")
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
    whole_times = (whole * price).cast("decimal(37, 4)").cast("decimal(18, 4)")  # the engine's own type is the wider
    product = ibis.cases(((quantity == whole) & small, whole_times), else_=product)
    few_digits = (few * price.try_cast("decimal(11, 4)")).cast("decimal(18, 4)")  # it has 18 digits at most
    return ibis.coalesce(ibis.cases((quantity == few, few_digits), else_=None), product)


def _decimal(text: str, kind: str) -> ibis.Value:
    return ibis.literal(text).cast(kind)


def any_code(judged: ibis.Table, names: list[str]) -> ibis.Value:
    """Tell of each row whether one of its cells cannot be used."""
    return ibis.or_(*[judged[f"{CODE}{name}"].notnull() for name in names])


def settle(engine: ibis.BaseBackend, table: ibis.Table) -> ibis.Table:
    """Fix a table's query as a view, so that later steps name its columns instead of repeating their formulas."""
    return engine.create_view(f"settled_{next(_names)}", table)
