"""Count accepted and rejected records, and rows by month, for two charts of 01_check_quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import pandas as pd

__all__ = ["records_flow", "rows_by_month"]


def records_flow(metrics: Mapping[str, Any], source: str) -> pd.DataFrame:
    """Count the physical, rejected and accepted records of a source.

    Returns
    -------
    DataFrame
        In reading order: step (``records``, a reject code, ``accepted``), kind (records, rejected, accepted), rows,
        source.
    """
    rejected = {
        key.removeprefix(f"{source}.rejected."): int(value)
        for key, value in metrics.items()
        if key.startswith(f"{source}.rejected.")
    }
    losses = sorted(rejected.items(), key=lambda item: (-item[1], item[0]))
    rows = [("records", "records", int(metrics[f"{source}.physical_records"]))]
    rows += [(code, "rejected", count) for code, count in losses]
    rows.append(("accepted", "accepted", int(metrics[f"{source}.accepted"])))
    return pd.DataFrame(rows, columns=["step", "kind", "rows"]).assign(source=source)


def rows_by_month(table: ibis.Table, column: str) -> pd.DataFrame:
    """Count the dated rows of a table by calendar month.

    Parameters
    ----------
    table : ibis.Table
    column : str
        A date or timestamp; rows without one are left out.

    Returns
    -------
    DataFrame
        month (its first day), rows, complete (False for the first and last month where the data begins later or ends
        earlier than the month); sorted by month.
    """
    day = table[column].date()
    dated = table.select(day=day).filter(ibis._.day.notnull())
    counts = dated.group_by(month=dated.day.truncate("M")).aggregate(
        rows=dated.count(), first=dated.day.min(), last=dated.day.max()
    )
    months = pd.DataFrame(counts.order_by("month").to_pyarrow().to_pylist(), columns=["month", "rows", "first", "last"])
    starts = pd.to_datetime(months["month"])
    complete = pd.Series(True, index=months.index)
    if len(months):
        complete.iloc[0] = pd.Timestamp(months["first"].iloc[0]) == starts.iloc[0]
        last_day = starts.iloc[-1] + pd.offsets.MonthEnd(0)
        complete.iloc[-1] = bool(complete.iloc[-1]) and pd.Timestamp(months["last"].iloc[-1]) == last_day
    return pd.DataFrame({"month": months["month"], "rows": months["rows"].astype("int64"), "complete": complete})
