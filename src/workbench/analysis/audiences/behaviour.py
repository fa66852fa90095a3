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
    """List the faults of a behaviour clause on these tables.

    Faults are: an unknown table or column, with the most similar name; a table without customers or dates; an
    expression that cannot be parsed; a window that begins before the data.
    """
    dated = [name for name, table in CANONICAL.items() if table.dated_by and name in tables]
    if rows.table not in dated:
        if rows.table in CANONICAL and not CANONICAL[rows.table].dated_by:
            return [Fault(where, f"table {rows.table} has no dates", "", f"Dated tables: {', '.join(dated)}")]
        return [Fault(where, f"no table '{rows.table}'", "", did_you_mean(rows.table, dated))]
    table, date_column = tables[rows.table], CANONICAL[rows.table].dated_by
    missing = [name for name in ("customer_id", date_column) if name not in table.columns]
    if missing:
        return [Fault(where, f"{rows.table} has no {' and no '.join(missing)}", "", "Map it in the profile")]
    faults = check_expression(rows.where, _kinds(table), where=where) if rows.where else []
    return faults + _window_fault(rows.last_days, table[date_column], as_of, f"{where}, last_days")


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
    """Find the customers who took the steps in order.

    A step counts if it came after an occurrence of the previous step, within the allowed days of the latest one.

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
    """Keep the occurrences of a step that follow an occurrence of the previous step."""
    events = before.mutate(earlier=ibis.literal(1, "int8")).union(step.mutate(earlier=ibis.literal(0, "int8")))
    # at equal times the later step sorts first: simultaneous steps are not in order
    window = ibis.cumulative_window(group_by=events.customer_id, order_by=[events.at, events.earlier])
    ordered = events.mutate(
        last=ibis.ifelse(events.earlier == 1, events.at, ibis.null(events.at.type())).max().over(window)
    )
    followers = ordered.filter((ordered.earlier == 0) & ordered["last"].notnull())
    if within_days is not None:
        gap = followers.at.epoch_seconds() - followers["last"].epoch_seconds()
        followers = followers.filter(gap <= within_days * _SECONDS_PER_DAY)
    return followers.select("customer_id", "at").distinct()


def _moments(rows: Did, tables: Mapping[str, ibis.Table], as_of: date, last_days: int | None) -> ibis.Table:
    table = _within(rows, tables, as_of, last_days)
    return table.select("customer_id", at=table[CANONICAL[rows.table].dated_by]).distinct()


def _within(rows: Did, tables: Mapping[str, ibis.Table], as_of: date, last_days: int | None) -> ibis.Table:
    table, date_column = tables[rows.table], CANONICAL[rows.table].dated_by
    selected = table.filter(table.customer_id.notnull() & (table[date_column] < at_midnight(as_of)))
    if last_days is not None:
        selected = selected.filter(selected[date_column] >= at_midnight(as_of - timedelta(days=last_days)))
    return selected.filter(to_ibis(rows.where, selected, _kinds(selected))) if rows.where else selected


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
    problem = f"a window of {last_days} days, longer than the data, which begins on {first.date()}"
    return [Fault(where, problem, f"Expected at most {reach} days before {as_of}", "Shorten it or leave last_days out")]
