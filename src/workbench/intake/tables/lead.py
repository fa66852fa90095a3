"""The leading source, which defines the customer base, and the as-of date; for 01_check_quality."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.core.schema import CANONICAL
from workbench.intake.quality.records import rows_by_month

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["find_as_of", "lead_source", "lead_table", "rows_over_time"]

_LEADING = ("transactions", "customers")


def lead_source(sources: Mapping[str, SourceParams]) -> str:
    """Return the first source of orders, else of customers, else the first.

    Examples
    --------
    >>> crm, pos = SourceParams(path="c", table="customers"), SourceParams(path="p", table="transactions")
    >>> lead_source({"crm": crm, "pos": pos})
    'pos'
    """
    for table in _LEADING:
        for name, source in sources.items():
            if source.table == table:
                return name
    return next(iter(sources))


def lead_table(tables: Mapping[str, ibis.Table]) -> str:
    """Return transactions if present, else customers, else the first table."""
    return next((name for name in _LEADING if name in tables), next(iter(tables)))


def find_as_of(tables: Mapping[str, ibis.Table]) -> dt.date | None:
    """Return the day after the last order; without orders, after the last dated row of any table.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables.

    Returns
    -------
    date or None
        None if no row has a date.
    """
    last = {name: _last_day(name, table) for name, table in tables.items()}
    latest = last.get("transactions") or max((day for day in last.values() if day), default=None)
    return latest + dt.timedelta(days=1) if latest else None


def rows_over_time(tables: Mapping[str, ibis.Table]) -> pd.DataFrame:
    """Count the rows of the leading table by month; empty if it has no dates.

    Returns
    -------
    DataFrame
        `workbench.intake.quality.records.rows_by_month`.
    """
    name = lead_table(tables)
    column = CANONICAL[name].dated_by
    if not column or column not in tables[name].columns:
        return pd.DataFrame({"month": [], "rows": [], "complete": []})
    return rows_by_month(tables[name], column)


def _last_day(name: str, table: ibis.Table) -> dt.date | None:
    column = CANONICAL[name].dated_by
    if not column or column not in table.columns:
        return None
    value = table[column].max().execute()
    return None if value is None or value != value else dt.date.fromisoformat(str(value)[:10])  # noqa: PLR0124  NaT
