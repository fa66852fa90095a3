"""Purchase days of each customer and the gaps between them, for 04_describe_customers and 05_score_rfm."""

from __future__ import annotations

from datetime import date
from typing import TypeGuard

import ibis
import pandas as pd

from workbench.intake.features.inputs.lines import known_lines
from workbench.intake.features.purchases.orders import group_orders, purchases

__all__ = ["count_gaps", "has_purchases", "purchase_days"]

NEEDED = ("customer_id", "ordered_at", "amount")


def has_purchases(transactions: ibis.Table | None) -> TypeGuard[ibis.Table]:
    """Return whether the table has the columns of a purchase history: customer_id, ordered_at and amount."""
    return transactions is not None and set(NEEDED) <= set(transactions.columns)


def purchase_days(transactions: ibis.Table, *, as_of: date) -> ibis.Table:
    """Reduce order lines to the purchase days of each customer.

    Parameters
    ----------
    transactions : ibis.Table
        One row per order line: customer_id, ordered_at, amount and, where known, order_id, quantity, status. Lines
        without customer or time are left out. A line without order_id counts as a separate order.
    as_of : date
        Only lines before this day (midnight) are read.

    Returns
    -------
    ibis.Table
        customer_id, purchased_on (date): one row per customer and purchase day. A purchase is an order with a sale (see
        `workbench.intake.features.inputs.lines`), on the day of its first line. Returns do not count.
    """
    orders = purchases(group_orders(known_lines(transactions, as_of=as_of)))
    return orders.select("customer_id", purchased_on=orders.ordered_at.date()).distinct()


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
        gap_days (days, >= 1), gaps_of_customer (number of gaps of the customer), gaps (number of gaps with these two
        values), sorted; empty when no customer bought on two days.
    """
    days = purchase_days(transactions, as_of=as_of)
    ordered = ibis.window(group_by=days.customer_id, order_by=days.purchased_on)
    days = days.mutate(previous_on=days.purchased_on.lag(1).over(ordered))
    gaps = days.filter(days.previous_on.notnull())
    gaps = gaps.mutate(gap_days=gaps.purchased_on.delta(gaps.previous_on, unit="day"))
    gaps = gaps.mutate(gaps_of_customer=gaps.count().over(ibis.window(group_by=gaps.customer_id)))
    gap_counts = gaps.group_by("gap_days", "gaps_of_customer").agg(gaps=gaps.count())
    return gap_counts.order_by("gap_days", "gaps_of_customer").to_pandas().astype("int64")
