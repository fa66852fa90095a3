"""Trace a customer's tag from its value to the figures and source rows behind it."""

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

# results of later stages -> the raw table they are computed from
_RAW_OF = {"rfm": "transactions", "churn": "transactions", "value": "transactions", "churn_reasons": "transactions"}
_TABLE = re.compile(r"[a-z_]+")


@dataclass(frozen=True)
class Trace:
    """The figures and rows behind one customer's tag.

    Attributes
    ----------
    value : str or None
        Value of the tag today; None if unknown.
    allowed : bool
        False if the customer refuses profiling or is a minor; then everything else is empty.
    figures : dict of str to object
        The customer's values of the columns and tags that the tag is computed from; None if missing.
    rows : dict of str to DataFrame
        Table to its rows, the newest first.
    totals : dict of str to int
        Table to its total number of rows.
    since : date or None
        First day of the window; None for all data.
    """

    value: str | None
    allowed: bool
    figures: Mapping[str, Any]
    rows: Mapping[str, pd.DataFrame]
    totals: Mapping[str, int]
    since: date | None


def trace_tag(
    tables: Mapping[str, ir.Table], tagged: Tagged, tag: Tag, customer: str, *, as_of: date, max_rows: int = 20
) -> Trace:
    """Trace one tag of one customer to the rows it was computed from.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        The tables of the tags; only rows before the as-of date are used.
    tagged : Tagged
        The tags computed from these tables, with the tag and those it depends on.
    tag : Tag
    customer : str
        One of the customers in ``features``.
    as_of : date
    max_rows : int
        Most rows per table; ``totals`` counts all.

    Returns
    -------
    Trace
        Rows of the source tables of the tag's columns, within its window, with product names for order lines. Empty for
        customers who may not be tagged.
    """
    wide = tagged.wide.filter(tagged.wide.customer_id == customer)
    row = to_pandas(wide).to_dict("records")[0]
    if not row[VISIBLE]:
        return Trace(None, False, {}, {}, {}, None)
    tags = {f"{TAG}{computed.id}": computed for computed in tagged.computed}
    figures = {name: _plain(row.get(name)) for name in sorted(names_in(tagged.computed)) if name in row}
    figures = {name: value for name, value in figures.items() if not name.startswith(CONSENT)}
    used = [computed for name, computed in tags.items() if computed.id == tag.id or name in figures]
    days = max((window_of(used_tag, tagged.columns) for used_tag in used), default=0)
    since = as_of - timedelta(days=days) if days else None
    rows, totals = {}, {}
    cut = cut_tables(tables, as_of=as_of)
    for name in _sources(used, tagged.columns, cut):
        source_rows = _rows_of(name, cut, customer, since)
        totals[name] = int(source_rows.count().to_pyarrow().as_py())
        rows[name] = to_pandas(source_rows.limit(max_rows))
    return Trace(_plain(row.get(f"{TAG}{tag.id}")), True, figures, rows, totals, since)


def _sources(tags: Sequence[Tag], columns: Mapping[str, KnownColumn], available: Mapping[str, ir.Table]) -> list[str]:
    """List the distinct tables of customer events from which the tags' columns are computed."""
    needs = [columns[name].needs for name in sorted(names_in(tags)) if name in columns]
    words = [word for need in needs for word in _TABLE.findall(need)]
    tables = dict.fromkeys(_RAW_OF.get(name, name) for name in words)
    return [
        name for name in tables if name in available and name in CANONICAL and "customer_id" in available[name].columns
    ]


def _rows_of(table_name: str, available: Mapping[str, ir.Table], customer: str, since: date | None) -> ir.Table:
    table, date_column = available[table_name], CANONICAL[table_name].dated_by
    rows = table.filter(table.customer_id == customer)
    if date_column and date_column in table.columns:
        rows = rows.filter(rows[date_column] >= at_midnight(since)) if since else rows
    if table_name == "transactions" and "products" in available and "product_id" in rows.columns:
        rows = _with_products(rows, available["products"])
    newest = [rows[date_column].desc()] if date_column and date_column in rows.columns else []
    return rows.order_by([*newest, *(name for name in rows.columns if name != date_column)])


def _with_products(lines: ir.Table, products: ir.Table) -> ir.Table:
    new = [
        name for name in ("product_name", "category", "brand") if name in products.columns and name not in lines.columns
    ]
    if not new:
        return lines
    product_names = products.group_by("product_id").aggregate(**{name: products[name].min() for name in new})
    return lines.left_join(product_names, "product_id").drop("product_id_right")


def _plain(value: Any) -> Any:
    return None if value is None or value is pd.NaT or value != value else value  # noqa: PLR0124  missing figures
