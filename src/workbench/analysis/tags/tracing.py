"""On which rows does a customer's tag rest? From the value over its figures down to the lines of the source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.tags.columns import CONSENT, TAG, KnownColumn
from workbench.analysis.tags.compiling import VISIBLE, names_in, window_of
from workbench.core.schema import CANONICAL
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.cutting import cut_tables
from workbench.intake.features.inputs.exact import at_midnight

if TYPE_CHECKING:
    from workbench.analysis.tags.tagging import Tagged
    from workbench.core.tags.definition import Tag

__all__ = ["Trace", "trace_tag"]

# what later stages wrote, to the raw rows it was computed from
_RAW_OF = {"rfm": "transactions", "churn": "transactions", "value": "transactions", "churn_reasons": "transactions"}
_TABLE = re.compile(r"[a-z_]+")


@dataclass(frozen=True)
class Trace:
    """What a tag of one customer rests on.

    Attributes
    ----------
    value : str or None
        Its value by today's data; None where it is unknown.
    allowed : bool
        False where the customer refuses profiling or is under age: then nothing is told.
    figures : dict of str to object
        The columns and tags it is computed from, as they stand for this customer; missing ones None.
    rows : dict of str to DataFrame
        By table, the newest rows first.
    totals : dict of str to int
        Rows there are in all, by table.
    since : date or None
        First day of the window; None where all of the past counts.
    """

    value: str | None
    allowed: bool
    figures: Mapping[str, Any]
    rows: Mapping[str, pd.DataFrame]
    totals: Mapping[str, int]
    since: date | None


def trace_tag(
    tables: Mapping[str, ir.Table], tagged: Tagged, tag: Tag, customer: str, *, as_of: date, most: int = 20
) -> Trace:
    """Follow one tag of one customer down to the rows it was computed from.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The tables the tags were computed from; dated ones are cut at the as-of date.
    tagged : Tagged
        The tag and those it names, computed from these tables.
    tag : Tag
    customer : str
        One of the customers in ``features``.
    as_of : date
    most : int
        Rows shown of each table; ``totals`` counts them all.

    Returns
    -------
    Trace
        Rows of the tables that the tag's columns are made of, within its window; names of products beside order
        lines. Whose tags may not be shown gets none of it.
    """
    wide = tagged.wide.filter(tagged.wide.customer_id == customer)
    row = to_pandas(wide).to_dict("records")[0]
    if not row[VISIBLE]:
        return Trace(None, False, {}, {}, {}, None)
    tags = {f"{TAG}{each.id}": each for each in tagged.computed}
    figures = {name: _plain(row.get(name)) for name in sorted(names_in(tagged.computed)) if name in row}
    figures = {name: value for name, value in figures.items() if not name.startswith(CONSENT)}
    used = [each for each in tags.values() if each.id == tag.id or f"{TAG}{each.id}" in figures]
    days = max((window_of(each, tagged.columns) for each in used), default=0)
    since = as_of - timedelta(days=days) if days else None
    rows, totals = {}, {}
    known = cut_tables(tables, as_of=as_of)
    for name in _sources(used, tagged.columns, known):
        found = _rows_of(name, known, customer, since)
        totals[name] = int(found.count().to_pyarrow().as_py())
        rows[name] = to_pandas(found.limit(most))
    return Trace(_plain(row.get(f"{TAG}{tag.id}")), True, figures, rows, totals, since)


def _sources(tags: Sequence[Tag], columns: Mapping[str, KnownColumn], known: Mapping[str, ir.Table]) -> list[str]:
    """Name the tables with a row per event of the customer that the tags' columns are made of, each once."""
    needs = [columns[name].needs for name in sorted(names_in(tags)) if name in columns]
    named = [word for need in needs for word in _TABLE.findall(need)]
    tables = dict.fromkeys(_RAW_OF.get(name, name) for name in named)
    return [name for name in tables if name in known and name in CANONICAL and "customer_id" in known[name].columns]


def _rows_of(name: str, known: Mapping[str, ir.Table], customer: str, since: date | None) -> ir.Table:
    table, at = known[name], CANONICAL[name].dated_by
    mine = table.filter(table.customer_id == customer)
    if at and at in table.columns:
        mine = mine.filter(mine[at] >= at_midnight(since)) if since else mine
    if name == "transactions" and "products" in known and "product_id" in mine.columns:
        mine = _with_products(mine, known["products"])
    newest = [mine[at].desc()] if at and at in mine.columns else []
    return mine.order_by([*newest, *(each for each in mine.columns if each != at)])


def _with_products(lines: ir.Table, products: ir.Table) -> ir.Table:
    new = [
        name for name in ("product_name", "category", "brand") if name in products.columns and name not in lines.columns
    ]
    if not new:
        return lines
    named = products.group_by("product_id").aggregate(**{name: products[name].min() for name in new})
    return lines.left_join(named, "product_id").drop("product_id_right")


def _plain(value: Any) -> Any:
    return None if value is None or value is pd.NaT or value != value else value  # noqa: PLR0124  missing figures
