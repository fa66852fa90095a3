"""Who did what, how often, in which order: behaviour clauses over the dated canonical tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.analysis.audiences.attributes import kind_of_type
from workbench.core.errors import Fault, did_you_mean
from workbench.core.schema import CANONICAL
from workbench.intake.expressions import check_expression, to_ibis
from workbench.intake.features.inputs.exact import at_midnight

if TYPE_CHECKING:
    from workbench.analysis.audiences.rule import Did, Sequence

__all__ = ["check_rows", "count_rows", "followed_in_order"]

_SECONDS_PER_DAY = 86_400


def check_rows(rows: Did, tables: Mapping[str, ibis.Table], *, as_of: date, where: str) -> list[Fault]:
    """List what is wrong with a behaviour clause on these tables.

    An unknown table or column with the nearest name, a table without customers or dates, an expression that cannot be
    read, and a window that begins before the data does.
    """
    dated = [name for name, table in CANONICAL.items() if table.dated_by and name in tables]
    if rows.table not in dated:
        if rows.table in CANONICAL and not CANONICAL[rows.table].dated_by:
            return [Fault(where, f"table {rows.table} carries no dates", "", f"Dated tables: {', '.join(dated)}")]
        return [Fault(where, f"no table '{rows.table}'", "", did_you_mean(rows.table, dated))]
    table, at = tables[rows.table], CANONICAL[rows.table].dated_by
    lacking = [name for name in ("customer_id", at) if name not in table.columns]
    if lacking:
        return [Fault(where, f"{rows.table} has no {' and no '.join(lacking)}", "", "Map it in the profile")]
    faults = check_expression(rows.where, _kinds(table), where=where) if rows.where else []
    return faults + _window_fault(rows.last_days, table[at], as_of, f"{where}, last_days")


def count_rows(rows: Did, tables: Mapping[str, ibis.Table], *, as_of: date) -> ibis.Table:
    """Count the rows of each customer within the window; transactions are counted by order.

    Returns
    -------
    ibis.Table
        customer_id, n; customers with at least one row.
    """
    table = _within(rows, tables, as_of, rows.last_days)
    if rows.table == "transactions" and "order_id" in table.columns:  # a line without an order_id is an order
        n = table.order_id.nunique() + table.count(where=table.order_id.isnull())
    else:
        n = table.count()
    return table.group_by("customer_id").aggregate(n=n)


def followed_in_order(sequence: Sequence, tables: Mapping[str, ibis.Table], *, as_of: date) -> ibis.Table:
    """Find the customers who took the steps one after another.

    A later step counts when it happened after an earlier one that counts, and within the days allowed of the last such.

    Returns
    -------
    ibis.Table
        customer_id, distinct.
    """
    first, *later = sequence.steps
    reached = _moments(first, tables, as_of, sequence.last_days)
    for step in later:
        reached = _after(reached, _moments(step, tables, as_of, sequence.last_days), sequence.within_days)
    return reached.select("customer_id").distinct()


def _after(before: ibis.Table, step: ibis.Table, within_days: int | None) -> ibis.Table:
    """Keep the moments of a step that follow one of the step before."""
    both = before.mutate(earlier=ibis.literal(1, "int8")).union(step.mutate(earlier=ibis.literal(0, "int8")))
    # at one moment the later step stands first, so that it does not follow what happened at the same time
    window = ibis.cumulative_window(group_by=both.customer_id, order_by=[both.at, both.earlier])
    marked = both.mutate(last=ibis.ifelse(both.earlier == 1, both.at, ibis.null(both.at.type())).max().over(window))
    kept = marked.filter((marked.earlier == 0) & marked["last"].notnull())
    if within_days is not None:
        gap = kept.at.epoch_seconds() - kept["last"].epoch_seconds()
        kept = kept.filter(gap <= within_days * _SECONDS_PER_DAY)
    return kept.select("customer_id", "at").distinct()


def _moments(rows: Did, tables: Mapping[str, ibis.Table], as_of: date, last_days: int | None) -> ibis.Table:
    table = _within(rows, tables, as_of, last_days)
    return table.select("customer_id", at=table[CANONICAL[rows.table].dated_by]).distinct()


def _within(rows: Did, tables: Mapping[str, ibis.Table], as_of: date, last_days: int | None) -> ibis.Table:
    table, at = tables[rows.table], CANONICAL[rows.table].dated_by
    kept = table.filter(table.customer_id.notnull() & (table[at] < at_midnight(as_of)))
    if last_days is not None:
        kept = kept.filter(kept[at] >= at_midnight(as_of - timedelta(days=last_days)))
    return kept.filter(to_ibis(rows.where, kept, _kinds(kept))) if rows.where else kept


def _kinds(table: ibis.Table) -> dict[str, str]:
    return {name: kind_of_type(kind) for name, kind in table.schema().items()}


def _window_fault(last_days: int | None, moments: ibis.Value, as_of: date, where: str) -> list[Fault]:
    if last_days is None:
        return []
    first = moments.min().to_pandas()
    if pd.isna(first):  # no dated row
        return []
    reach = (as_of - first.date()).days
    if last_days <= reach + 1:
        return []
    found = f"a window of {last_days} days, longer than the data, which begins on {first.date()}"
    return [Fault(where, found, f"Expected at most {reach} days before {as_of}", "Shorten it, or leave last_days out")]
