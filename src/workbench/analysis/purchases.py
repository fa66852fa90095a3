"""On which days did each customer buy, and how far apart? What notebooks 04 and 05 derive from order lines."""

from __future__ import annotations

from datetime import date

import ibis
import pandas as pd

from workbench.intake.features.inputs.lines import known_lines
from workbench.intake.features.purchases.orders import group_orders, purchases

__all__ = ["count_gaps", "has_purchases", "purchase_days"]

NEEDED = ("customer_id", "ordered_at", "amount")


def has_purchases(transactions: ibis.Table | None) -> bool:
    """Say whether the table has what a purchase history needs: customer_id, ordered_at and amount."""
    return transactions is not None and set(NEEDED) <= set(transactions.columns)


def purchase_days(transactions: ibis.Table, *, as_of: date) -> ibis.Table:
    """Reduce order lines to the days on which each customer bought.

    Parameters
    ----------
    transactions : ibis.Table
        One row per order line: customer_id, ordered_at, amount and, where known, order_id, quantity, status. Lines
        without customer or time are left out. A line without order_id is an order of its own.
    as_of : date
        Only lines before this day (midnight) are read.

    Returns
    -------
    ibis.Table
        customer_id, purchased_on (date): one row per customer and day with a purchase: an order that holds a sale,
        as `workbench.intake.features.inputs.lines` defines it; its day is that of its first line. Returns make none.
    """
    bought = purchases(group_orders(known_lines(transactions, as_of=as_of)))
    return bought.select("customer_id", purchased_on=bought.ordered_at.date()).distinct()


def count_gaps(transactions: ibis.Table, *, as_of: date) -> pd.DataFrame:
    """Count the days between consecutive purchase days.

    Parameters
    ----------
    transactions : ibis.Table
        As for `purchase_days`.
    as_of : date
        Only lines before this day are read.

    Returns
    -------
    DataFrame
        gap_days (days, >= 1), gaps_of_customer (how many gaps the customers in this row have), gaps (how many such
        gaps there are), sorted; empty when nobody bought on two days.
    """
    days = purchase_days(transactions, as_of=as_of)
    ordered = ibis.window(group_by=days.customer_id, order_by=days.purchased_on)
    days = days.mutate(previous_on=days.purchased_on.lag(1).over(ordered))
    gaps = days.filter(days.previous_on.notnull())
    gaps = gaps.mutate(gap_days=gaps.purchased_on.delta(gaps.previous_on, unit="day"))
    gaps = gaps.mutate(gaps_of_customer=gaps.count().over(ibis.window(group_by=gaps.customer_id)))
    counted = gaps.group_by("gap_days", "gaps_of_customer").agg(gaps=gaps.count())
    return counted.order_by("gap_days", "gaps_of_customer").to_pandas().astype("int64")
