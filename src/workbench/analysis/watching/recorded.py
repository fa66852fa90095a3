"""Of which customers something was recorded between two dates: a new row, or a later date on an old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import ibis
    import pandas as pd

__all__ = ["recorded_between"]


def recorded_between(tables: Mapping[str, ibis.Table], start: dt.date, end: dt.date) -> dict[str, pd.Series]:
    """Return the customers of whom something was recorded in ``[start, end)``, by table.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; those without a date or customers are left out.
    start, end : date

    Returns
    -------
    dict of str to Series of str
        By any date of a row: a campaign that was opened, a case that was closed, is news of its customer.
    """
    import ibis  # noqa: PLC0415  (slow to import)

    bounds = [ibis.literal(day).cast("timestamp") for day in (start, end)]
    recorded = {}
    for name, table in tables.items():
        if name not in CANONICAL or not CANONICAL[name].dated_by or "customer_id" not in table.columns:
            continue
        dates = [table[column] for column, kind in table.schema().items() if kind.is_timestamp() or kind.is_date()]
        inside = [(day >= bounds[0]) & (day < bounds[1]) for day in dates]
        if inside:
            rows = table.filter(ibis.or_(*inside)).select("customer_id").distinct()
            recorded[name] = rows.to_pyarrow()["customer_id"].to_pandas()
    return recorded
