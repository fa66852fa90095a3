"""What customers did in a period: purchase days, net spend, what they bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.purchases import has_purchases, purchase_days
from workbench.intake.features.inputs.lines import known_lines

if TYPE_CHECKING:
    import datetime as dt

    import ibis
    import pandas as pd

__all__ = ["bought_items", "outcomes_between"]


def outcomes_between(transactions: ibis.Table | None, start: dt.date, end: dt.date) -> pd.DataFrame | None:
    """Return orders and spend of the customers who bought in ``[start, end)``.

    Parameters
    ----------
    transactions : ibis.Table or None
    start, end : date

    Returns
    -------
    DataFrame or None
        orders (days with a purchase), spend (net of returns), by customer_id; None without purchases.
    """
    if not has_purchases(transactions):
        return None
    days = purchase_days(transactions, as_of=end)
    counted = days.filter(days.purchased_on >= start).group_by("customer_id")
    orders = counted.aggregate(orders=lambda table: table.count()).to_pandas()
    lines = _between(transactions, start, end)
    spend = lines.group_by("customer_id").aggregate(spend=lines.amount.cast("float64").sum()).to_pandas()
    both = orders.merge(spend, on="customer_id", how="outer")
    return both.sort_values("customer_id").set_index("customer_id").fillna({"orders": 0, "spend": 0.0})


def bought_items(transactions: ibis.Table, start: dt.date, end: dt.date, column: str) -> pd.DataFrame:
    """Return what each customer bought in ``[start, end)``: customer_id and item, once each.

    Parameters
    ----------
    transactions : ibis.Table
        With the column.
    start, end : date
    column : str
        product_id, or a column of the products joined to the lines.
    """
    lines = _between(transactions, start, end)
    sold = lines.filter((lines.amount.cast("float64") > 0) & lines[column].notnull())
    rows = sold.select("customer_id", item=sold[column]).distinct().to_pandas()
    return rows.sort_values(["customer_id", "item"]).reset_index(drop=True)


def _between(transactions: ibis.Table, start: dt.date, end: dt.date) -> ibis.Table:
    lines = known_lines(transactions, as_of=end)
    return lines.filter(lines.ordered_at.date() >= start)
