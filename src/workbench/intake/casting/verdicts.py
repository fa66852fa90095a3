"""Judge rows: typed values, codes of unusable cells, and whether a row is rejected.

Used by 01_check_quality: `acceptance` judges all rows of a source, `doubts` only the doubtful ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING

import ibis

from workbench.intake.casting.cells import (
    Cell,
    cast_cell,
    engine_moment,
    has_more_digits,
    plain_number,
    read_cell,
)
from workbench.intake.casting.column_kinds import derived_kinds, derived_names, essential_columns, kinds_of
from workbench.intake.casting.total_lines import TOTAL_WORDS
from workbench.intake.expressions import ATTRIBUTE, check_expression, to_ibis

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.casting.total_lines import TOTAL_WORDS
from workbench.intake.casting.column_kinds import ColumnPlan

__all__ = [
    "CODE",
    "NO_CODE",
    "RAW",
    "STATE",
    "TOO_BIG",
    "TOTAL_LINE",
    "VERDICT",
    "any_code",
    "as_view",
    "cast_cells",
    "derive",
    "exact_product",
    "judge",
    "judged_cells",
    "select_typed",
]

_MISSING_MONEY, _MISSING_ID, TOO_BIG = "money-missing", "id-missing", "out-of-range"
_MONEY_LIMIT = "99999999999999"  # money has at most fourteen digits before the point
_SURELY_FITS = 9e13  # a float product below this is surely below the limit; otherwise the exact product decides
CODE, RAW, VERDICT = "_code_", "_raw_", "_verdict"  # prefixes of code and raw-text columns; the verdict
STATE = "_state"
_GLANCE, _READ, _PRODUCT = "_glance_", "_read_", "_product"
NO_CODE = ibis.null("string")
TOTAL_LINE = "total-line"
_names = count()


def cast_cells(
    engine: ibis.BaseBackend, stripped: ibis.Table, plans: Mapping[str, ColumnPlan]
) -> tuple[ibis.Table, dict[str, Cell]]:
    """Cast columns of stripped text; the returned table also holds the parsed numbers and moments."""
    table, moment_guesses = _beside(
        engine, stripped, {name: engine_moment(stripped[name], plan) for name, plan in plans.items()}, _GLANCE
    )
    table, reads = _beside(
        engine, table, {name: read_cell(table[name], plan, moment_guesses[name]) for name, plan in plans.items()}, _READ
    )
    return table, {name: cast_cell(table[name], plan, reads[name]) for name, plan in plans.items()}


def _beside(
    engine: ibis.BaseBackend, table: ibis.Table, values: Mapping[str, ibis.Value | None], prefix: str
) -> tuple[ibis.Table, dict[str, ibis.Value | None]]:
    """Add values as columns to a table, as a view."""
    present = {f"{prefix}{name}": value for name, value in values.items() if value is not None}
    table = as_view(engine, table.mutate(**present)) if present else table
    return table, {name: table[f"{prefix}{name}"] if f"{prefix}{name}" in present else None for name in values}


def judged_cells(
    engine: ibis.BaseBackend, stripped: ibis.Table, source: SourceParams, plans: Mapping[str, ColumnPlan], *,
    origin: tuple[str, ...] = (),
) -> ibis.Table:  # fmt: skip
    """Judge rows of stripped text in one query, without facts about whole columns.

    Returns
    -------
    ibis.Table
        Typed columns, their codes and raw texts, the verdict and the ``origin`` columns, in row order.
        ``_state`` is 0 where every cell is usable, 1 where one is not, 2 where the row is rejected.
    """
    read, cells = cast_cells(engine, stripped, plans)
    judged = judge(engine, as_view(engine, select_typed(read, cells, {}, origin)), source, list(cells))
    kinds = kinds_of(source)
    state = ibis.cases(
        (judged[VERDICT].notnull(), 2), (any_code(judged, [*kinds, *derived_kinds(source, kinds)]), 1), else_=0
    )
    return as_view(engine, judged.mutate(**{STATE: state}))  # always an INTEGER of the engine


def select_typed(
    stripped: ibis.Table, cells: Mapping[str, Cell], contacts: Mapping[str, ibis.Value], origin: tuple[str, ...]
) -> ibis.Table:
    """Select typed values, codes, and the raw text of cells that have one."""
    converted = "currency" in cells  # conversion may still lose a value
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
        typed = as_view(engine, typed.mutate(**{_PRODUCT: _product(typed, source)}))
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
        filled = as_view(engine, filled)
    columns = [*names, *(name for name in derived if name not in cells)]
    filled = _with_shares(engine, filled, source)
    required = [*(name for name in essential_columns(source.table, list(source.columns)) if name in columns), *derived]
    verdict = ibis.coalesce(*[filled[f"{CODE}{name}"] for name in dict.fromkeys(required)], NO_CODE)
    total = is_total_line(filled, source)
    verdict = verdict if total is None else ibis.cases((total, ibis.literal(TOTAL_LINE)), else_=verdict)
    left_out = ruled_out(filled, source, columns)
    if left_out is not None:  # a row excluded by a rule is not rejected, even with unusable cells
        verdict = ibis.cases((left_out.fill_null(False), NO_CODE), else_=verdict)
        codes = {
            f"{CODE}{name}": ibis.cases((left_out.fill_null(False), NO_CODE), else_=filled[f"{CODE}{name}"])
            for name in columns
        }
        filled = as_view(engine, filled.mutate(**codes, **{VERDICT: verdict}))
        verdict = filled[VERDICT]
    elif total is not None and columns:
        first = columns[0]
        code = ibis.cases((total, ibis.literal(TOTAL_LINE)), else_=filled[f"{CODE}{first}"])
        filled = as_view(engine, filled.mutate(**{f"{CODE}{first}": code, VERDICT: verdict}))
        verdict = filled[VERDICT]
    raws = {
        f"{RAW}{name}": ibis.cases((filled[f"{CODE}{name}"].notnull(), filled[f"{RAW}{name}"]), else_=NO_CODE)
        for name in columns
    }
    return filled.mutate(**raws, **{VERDICT: verdict})


def ruled_out(table: ibis.Table, source: SourceParams, names: list[str]) -> ibis.Value | None:
    """Return whether a rule is false (not unknown) for a row; None if no rule can be evaluated."""
    kinds = kinds_of(source)
    kinds = {name: kind for name, kind in (kinds | derived_kinds(source, kinds)).items() if name in names}
    kinds |= {name: ATTRIBUTE for name in source.attributes if name in names}
    conditions = [~to_ibis(rule, table, kinds) for rule in source.rules.values() if not check_expression(rule, kinds)]
    return ibis.or_(*[condition.fill_null(False) for condition in conditions]) if conditions else None


def is_total_line(table: ibis.Table, source: SourceParams) -> ibis.Value | None:
    """Return whether a row is the total line of a list of orders: a total word as its id, and no date."""
    if source.table != "transactions":
        return None
    ids = [name for name in ("order_id", "customer_id") if name in table.columns]
    if not ids or "ordered_at" not in table.columns:
        return None
    words = ibis.or_(*[table[name].lower().isin(TOTAL_WORDS) for name in ids])
    others = [table[name].isnull() | table[name].lower().isin(TOTAL_WORDS) for name in ids]
    return (words & ibis.and_(table.ordered_at.isnull(), *others)).fill_null(False)


def _with_shares(engine: ibis.BaseBackend, table: ibis.Table, source: SourceParams) -> ibis.Table:
    """Convert discount shares to money, from the paid amount: amount x share / (1 - share)."""
    if source.formats.units.get("discount") != "share" or not {"discount", "amount"} <= set(table.columns):
        return table
    share, amount = table.discount.cast("float64"), table.amount.cast("float64")
    inside = (share >= 0) & (share < 1)
    money = ibis.cases((inside, (amount * share / (1 - share)).round(4)), else_=ibis.null("float64"))
    return as_view(engine, table.mutate(discount=money.cast("decimal(18, 4)")))


def derive(name: str, cells: Mapping[str, Cell], product: ibis.Value | None) -> Cell:
    """Fill a required column from the others; ``product`` is quantity times unit price."""
    if name == "amount":
        return _amount(cells, product)
    sources = [cells[column] for column in (name, "source_id") if column in cells]
    value = ibis.coalesce(*[cell.value for cell in sources])
    return _required_cell(value, sources, ibis.literal(_MISSING_ID), own=name in cells)


def _amount(cells: Mapping[str, Cell], product: ibis.Value | None) -> Cell:
    """Use the amount, else quantity times unit price; a line without either has no money."""
    factors = [cells[name] for name in ("quantity", "unit_price") if name in cells]
    missing = ibis.literal(_MISSING_MONEY)
    if product is None:
        product = cells["unit_price"].value if "unit_price" in cells else None
    else:
        both_filled = cells["quantity"].value.notnull() & cells["unit_price"].value.notnull()
        missing = ibis.cases((both_filled & product.isnull(), TOO_BIG), else_=_MISSING_MONEY)
    if "amount" not in cells:
        return _required_cell(product, factors, missing, own=False)
    amount = cells["amount"]
    value = amount.value if product is None else ibis.coalesce(amount.value, product)
    return _required_cell(value, [amount], missing, own=True)


def _required_cell(value: ibis.Value, parts: list[Cell], missing: ibis.Value, *, own: bool) -> Cell:
    """Add the code of a missing required value; codes of other columns stay with those columns."""
    codes = ibis.coalesce(*[part.code for part in parts], NO_CODE)
    own_code = parts[0].code if own else NO_CODE
    code = ibis.cases((codes.isnull() & value.isnull(), missing), else_=own_code)
    return Cell(ibis.cases((codes.isnull(), value), else_=ibis.null(value.type())), code)


def exact_product(quantity: ibis.Value, price: ibis.Value) -> ibis.Value:
    """Multiply exactly and round half to even at the fourth decimal; a whole quantity needs no rounding.

    A product with more digits than money can hold is null.
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
    whole_times = (whole * price).cast("decimal(37, 4)").cast("decimal(18, 4)")  # the engine's own type is wider
    product = ibis.cases(((quantity == whole) & small, whole_times), else_=product)
    few_digits = (few * price.try_cast("decimal(11, 4)")).cast("decimal(18, 4)")  # it has 18 digits at most
    return ibis.coalesce(ibis.cases((quantity == few, few_digits), else_=None), product)


def _product(typed: ibis.Table, source: SourceParams) -> ibis.Value:
    """Multiply quantity and price with all their decimals, even those that their kind does not keep."""
    product = exact_product(typed.quantity, typed.unit_price)
    raws = {name: f"{RAW}{name}" for name in ("quantity", "unit_price")}
    if set(raws) & set(source.formats.units) or not all(raw in typed.columns for raw in raws.values()):
        return product
    mark = source.formats.decimals
    more = has_more_digits(typed[raws["quantity"]], "quantity", mark) | has_more_digits(
        typed[raws["unit_price"]], "money", mark
    )
    factors = [plain_number(typed[raw], source.formats).try_cast("decimal(19, 9)") for raw in raws.values()]
    whole = (factors[0].cast("decimal(19, 9)") * factors[1]).cast("decimal(38, 18)").round(4).cast("decimal(18, 4)")
    known = typed.quantity.notnull() & typed.unit_price.notnull() & whole.notnull()
    return ibis.cases((more.fill_null(False) & known, whole), else_=product)


def _decimal(text: str, kind: str) -> ibis.Value:
    return ibis.literal(text).cast(kind)


def any_code(judged: ibis.Table, names: list[str]) -> ibis.Value:
    """Return whether a row has an unusable cell."""
    return ibis.or_(*[judged[f"{CODE}{name}"].notnull() for name in names])


def as_view(engine: ibis.BaseBackend, table: ibis.Table) -> ibis.Table:
    """Turn a query into a view, so that later steps refer to its columns instead of repeating their formulas."""
    return engine.create_view(f"settled_{next(_names)}", table)
