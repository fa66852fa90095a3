"""Purchase histories for the value models: repeats, recency, age, spend per order.

A purchase day has at least one sale line: a positive amount, or free items. Returns are not purchases, and a day with
returns is no purchase day if its net amount is 0 or below. All purchases of a day count as one order.
"""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from workbench.intake.features.inputs.lines import is_sale, known_lines

__all__ = [
    "DAYS_A_WEEK",
    "collapse",
    "days_of_purchase",
    "history_rows",
    "holdout",
    "purchase_history",
    "read_history",
    "weekly_orders",
]

DAYS_A_WEEK = 7


def days_of_purchase(transactions: ir.Table, *, before: date, products: ir.Table | None = None) -> ir.Table:
    """Reduce order lines to one row per customer and day.

    Parameters
    ----------
    transactions : ibis.Table
        customer_id, ordered_at, amount; where known quantity, status, product_id.
    before : date
        Only lines before midnight of this date are read.
    products : ibis.Table, optional
        product_id, unit_cost; adds the columns cost and costed.

    Returns
    -------
    ibis.Table
        customer_id, day, bought (whether it is a purchase day), net (sales less returns, currency), cost (of items sold
        less items returned), costed (net amount of the lines with known cost).
    """
    lines = known_lines(transactions, as_of=before)
    is_sold = is_sale(lines).fill_null(False)
    if "quantity" in lines.columns:
        is_free = (lines.amount == 0) & (lines.quantity > 0)
        is_sold |= is_free.fill_null(False)
    is_counted = is_sold | (lines.amount < 0).fill_null(False)
    lines = lines.mutate(day=lines.ordered_at.date(), sold=is_sold, paid=ibis.ifelse(is_counted, lines.amount, 0))
    sums = _day_sums(lines)
    if products is not None and {"product_id", "quantity"} <= set(lines.columns) and "unit_cost" in products.columns:
        costs = products.filter(products.unit_cost.notnull()).select("product_id", "unit_cost")
        joined = lines.left_join(costs, "product_id")
        has_known_cost = joined.unit_cost.notnull() & (joined.paid != 0)
        sums = _day_sums(joined)
        sums["cost"] = ibis.ifelse(has_known_cost, joined.quantity * joined.unit_cost, 0).sum().cast("float64")
        sums["costed"] = ibis.ifelse(has_known_cost, joined.paid, 0).sum().cast("float64")
        lines = joined
    return lines.group_by("customer_id", "day").aggregate(**sums)


def _day_sums(lines: ir.Table) -> dict[str, ir.Value]:
    has_returns = (lines.paid < 0).any().fill_null(False)
    bought = lines.sold.any() & ~(has_returns & (lines.paid.sum() <= 0))
    return {"bought": bought.fill_null(False), "net": lines.paid.sum().cast("float64")}


def purchase_history(days: ir.Table, *, before: date) -> pd.DataFrame:
    """Summarise each customer's purchases before a date.

    Parameters
    ----------
    days : ibis.Table
        From ``days_of_purchase``.
    before : date
        Observation ends on the previous day.

    Returns
    -------
    DataFrame
        One row per customer with a purchase day, sorted by customer_id: customer_id, first_on (date), repeats (purchase
        days after the first), last_weeks and age_weeks (weeks from the first purchase day to the last one and to the
        end of observation), second_weeks (to the second one; missing without one), paid_repeats (repeat days with net
        above 0), spend_repeat_mean (mean net of those; missing without one), spend_total (net of all days, including
        returns; currency).
    """
    return read_history(history_rows(days, before=before).to_pandas(), before=before)


def history_rows(days: ir.Table, *, before: date) -> ir.Table:
    """Summarise each customer's purchases before a date in the engine, sorted by customer_id; for ``read_history``."""
    observed = days.filter(days.day < before)
    purchase_days = observed.filter(observed.bought)
    first = purchase_days.group_by("customer_id").aggregate(first_on=purchase_days.day.min())
    with_first = observed.inner_join(first, "customer_id")
    is_repeat = with_first.bought & (with_first.day > with_first.first_on)
    is_paid = is_repeat & (with_first.net > 0)
    summary = with_first.group_by("customer_id").aggregate(
        first_on=with_first.first_on.min(),
        last_on=with_first.day.max(where=with_first.bought),
        second_on=with_first.day.min(where=is_repeat),
        repeats=is_repeat.cast("int64").sum(),
        paid_repeats=is_paid.cast("int64").sum(),
        # decimals, since the sum of doubles depends on their order
        spend_repeat=with_first.net.cast("decimal(18, 4)").sum(where=is_paid).cast("float64"),
        spend_total=with_first.net.cast("decimal(18, 4)").sum().cast("float64"),
    )
    return summary.order_by("customer_id")


def read_history(frame: pd.DataFrame, *, before: date) -> pd.DataFrame:
    """Convert all rows of ``history_rows``, or a batch, to a history; see ``purchase_history``."""
    first_on, last_on = pd.to_datetime(frame["first_on"]), pd.to_datetime(frame["last_on"])
    end = pd.Timestamp(before - timedelta(days=1))
    repeats = frame["repeats"].astype("int64")
    paid_repeats = frame["paid_repeats"].astype("int64")
    return pd.DataFrame(
        {
            "customer_id": frame["customer_id"],
            "first_on": first_on,
            "repeats": repeats,
            "last_weeks": (last_on - first_on).dt.days / DAYS_A_WEEK,
            "age_weeks": (end - first_on).dt.days / DAYS_A_WEEK,
            "second_weeks": (pd.to_datetime(frame["second_on"]) - first_on).dt.days / DAYS_A_WEEK,
            "paid_repeats": paid_repeats,
            "spend_repeat_mean": np.where(paid_repeats > 0, frame["spend_repeat"] / paid_repeats.clip(lower=1), np.nan),
            "spend_total": frame["spend_total"],
        }
    )


def holdout(days: ir.Table, history: pd.DataFrame, *, first: date, before: date) -> pd.DataFrame:
    """Count orders and spend of the customers of a history in the following period.

    Parameters
    ----------
    days : ibis.Table
    history : DataFrame
        customer_id.
    first, before : date
        The period, [first, before).

    Returns
    -------
    DataFrame
        In the order of ``history``: customer_id, orders (purchase days), spend (net, currency), both 0 without any;
        next_days (from the day before the period to the first purchase in it; missing without one).
    """
    later = days.filter((days.day >= first) & (days.day < before))
    totals = later.group_by("customer_id").aggregate(
        orders=later.bought.cast("int64").sum(),
        spend=later.net.cast("decimal(18, 4)").sum().cast("float64"),
        next_on=later.day.min(where=later.bought),
    )
    joined = history[["customer_id"]].merge(totals.to_pandas(), on="customer_id", how="left", validate="one_to_one")
    next_days = (pd.to_datetime(joined["next_on"]) - pd.Timestamp(first)).dt.days + 1.0
    filled = joined.assign(next_days=next_days).fillna({"orders": 0, "spend": 0.0})
    return filled.astype({"orders": "int64", "spend": "float64"})[["customer_id", "orders", "spend", "next_days"]]


def weekly_orders(days: ir.Table, history: pd.DataFrame, *, before: date) -> pd.DataFrame:
    """Count the repeat purchase days of the customers of a history by week.

    Parameters
    ----------
    days : ibis.Table
    history : DataFrame
        customer_id, first_on.
    before : date

    Returns
    -------
    DataFrame
        week (0 = the seven days from the first purchase in the data), repeats; up to the last complete week.
    """
    start = history["first_on"].min().date()
    firsts = ibis.memtable(history[["customer_id", "first_on"]].assign(first_on=history["first_on"].dt.date))
    purchase_days = days.filter(days.bought & (days.day < before))
    joined = purchase_days.inner_join(firsts, "customer_id")
    repeat = joined.filter(joined.day > joined.first_on.cast("date"))
    week = repeat.day.delta(ibis.literal(start), unit="day") // DAYS_A_WEEK
    counts = repeat.group_by(week=week.cast("int64")).aggregate(repeats=repeat.count()).to_pandas()
    weeks = pd.DataFrame({"week": np.arange((before - start).days // DAYS_A_WEEK)})
    return weeks.merge(counts, on="week", how="left").fillna({"repeats": 0}).astype("int64")


def collapse(history: pd.DataFrame) -> pd.DataFrame:
    """Count customers with identical inputs for the models of orders.

    Returns
    -------
    DataFrame
        repeats, last_weeks, age_weeks, customers; sorted.
    """
    keys = ["repeats", "last_weeks", "age_weeks"]
    return history.groupby(keys, sort=True).size().rename("customers").reset_index()
