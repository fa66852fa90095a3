"""Orders, visits, complaints and campaign contacts of each customer by month, counted in the database engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

import ibis
import pandas as pd

from workbench.core.schema import CANONICAL
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.exact import at_midnight

__all__ = ["KINDS", "first_day", "month_starts", "timelines"]

KINDS = ("transactions", "events", "service", "campaigns")


def month_starts(as_of: date, months: int) -> list[date]:
    """List the first days of the last ``months`` months up to the as-of date, in time order.

    Examples
    --------
    >>> month_starts(date(2025, 3, 1), 2)
    [datetime.date(2025, 1, 1), datetime.date(2025, 2, 1)]
    """
    last = pd.Timestamp(as_of) - pd.Timedelta(days=1)
    return [start.date() for start in pd.date_range(end=last.replace(day=1), periods=months, freq="MS")]


def first_day(tables: Mapping[str, ibis.Table], *, as_of: date) -> date | None:
    """Return the first day of the data that timelines show, before the as-of date; None without dated rows.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; those of ``KINDS`` are read where present.
    as_of : date
    """
    days = []
    for name in KINDS:
        table = tables.get(name)
        if table is not None and _is_dated(table, name):
            column = table[CANONICAL[name].dated_by]
            days.append(table.filter(column < at_midnight(as_of)).aggregate(first=column.min()).to_pandas()["first"][0])
    return min((pd.Timestamp(day).date() for day in days if pd.notna(day)), default=None)


def timelines(
    tables: Mapping[str, ibis.Table], customer_ids: Collection[str], *, as_of: date, months: int = 24
) -> pd.DataFrame:
    """Count the activity of each customer by month and kind.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; those of ``KINDS`` are read where present.
    customer_ids : collection of str
    as_of : date
        Rows at or after midnight of this date are not read.
    months : int
        Calendar months up to the as-of date.

    Returns
    -------
    DataFrame
        customer_id, kind (table name), month (first day), n (rows; distinct orders for transactions), sorted; months
        without activity have no row.
    """
    first = month_starts(as_of, months)[0]
    parts = [
        _count_by_month(name, tables[name], customer_ids, first, as_of)
        for name in KINDS
        if _is_dated(tables.get(name), name)
    ]
    columns = ["customer_id", "kind", "month", "n"]
    counts = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return counts[columns].sort_values(["customer_id", "kind", "month"], ignore_index=True)


def _is_dated(table: ibis.Table | None, name: str) -> bool:
    return table is not None and {"customer_id", CANONICAL[name].dated_by} <= set(table.columns)


def _count_by_month(name: str, table: ibis.Table, ids: Collection[str], first: date, as_of: date) -> pd.DataFrame:
    date_column = CANONICAL[name].dated_by
    selected = table.filter(
        table.customer_id.isin(sorted(ids)),
        table[date_column] >= at_midnight(first),
        table[date_column] < at_midnight(as_of),
    )
    selected = selected.mutate(month=selected[date_column].truncate("month").date())
    n = selected.count()
    if name == "transactions" and "order_id" in selected.columns:
        n = selected.order_id.nunique() + selected.count(where=selected.order_id.isnull())
    return to_pandas(selected.group_by("customer_id", "month").aggregate(n=n)).assign(kind=name)
