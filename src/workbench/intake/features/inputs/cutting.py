"""Cut every dated table at the as-of date before anything is computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import reduce
from operator import or_

import ibis
import ibis.expr.types as ir

from workbench.core.schema import CANONICAL, UNDATED
from workbench.intake.features.inputs.exact import at_midnight

__all__ = ["cut_tables"]

# columns filled later than the row: column -> the column with the date of filling
LATER = {
    "service": {"closed_at": "closed_at", "rating": "closed_at"},
    "campaigns": {"opened_at": "opened_at", "redeemed_at": "redeemed_at"},
}
# tables with several dates: a row counts if one of them is before the as-of date
ANY_DATE = {"campaigns": ("sent_at", "opened_at", "redeemed_at")}


def cut_tables(tables: Mapping[str, ir.Table], *, as_of: date) -> dict[str, ir.Table]:
    """Cut every table to its state before the as-of date.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables by name.
    as_of : date
        Rows dated at or after its midnight are dropped. If the table has a date column (``Table.dated_by``), rows
        without a date are dropped too, unless the as-of date is ``UNDATED``.

    Returns
    -------
    dict of str to ibis.Table
        The same tables and columns. Later values are emptied: the closing and the rating of a service case that was
        still open, the later opening and redemption of a campaign. A campaign row stays as soon as one of its dates is
        reached; a later ``sent_at`` is emptied. Tables without a date are returned unchanged.
    """
    return {name: _cut(name, table, as_of) for name, table in tables.items()}


def _cut(name: str, table: ir.Table, as_of: date) -> ir.Table:
    dated_by = CANONICAL[name].dated_by if name in CANONICAL else ""
    dates = [column for column in ANY_DATE.get(name, (dated_by,)) if column in table.columns]
    if not dates:
        return table
    before = at_midnight(as_of)
    is_past = reduce(or_, [table[column] < before for column in dates])
    if as_of == UNDATED:
        is_past |= reduce(or_, [table[column].isnull() for column in dates])
    rows = table.filter(is_past)
    later = {column: at for column, at in LATER.get(name, {}).items() if {column, at} <= set(table.columns)}
    if name in ANY_DATE and dated_by in table.columns:
        later[dated_by] = dated_by
    emptied = {column: _where_before(rows[column], rows[at], as_of) for column, at in later.items()}
    return rows.mutate(**emptied) if emptied else rows


def _where_before(value: ir.Column, at: ir.TimestampColumn, as_of: date) -> ir.Column:
    return ibis.ifelse(at < at_midnight(as_of), value, ibis.null(value.type()))
