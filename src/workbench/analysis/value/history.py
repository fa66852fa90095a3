"""What each customer bought by a date, in the few numbers the models read: repeats, recency, age, spend per order.

A purchase day is a day with at least one line that sold something: a positive amount, or pieces given for nothing;
what was sent back or marked as returned makes none, nor does a day on which as much was sent back as bought. Purchases
of one day are one order.
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
        Only lines before its midnight are read.
    products : ibis.Table, optional
        product_id, unit_cost: then cost and costed are there, too.

    Returns
    -------
    ibis.Table
        customer_id, day, bought (whether something was sold), net (sales less what was sent back, currency), cost (of
        the pieces sold less those sent back), costed (net of the lines whose cost is known).
    """
    lines = known_lines(transactions, as_of=before)
    sold = is_sale(lines).fill_null(False)
    if "quantity" in lines.columns:
        free = (lines.amount == 0) & (lines.quantity > 0)
        sold |= free.fill_null(False)
    kept = sold | (lines.amount < 0).fill_null(False)
    lines = lines.mutate(day=lines.ordered_at.date(), sold=sold, paid=ibis.ifelse(kept, lines.amount, 0))
    sums = _day_sums(lines)
    if products is not None and {"product_id", "quantity"} <= set(lines.columns) and "unit_cost" in products.columns:
        costs = products.filter(products.unit_cost.notnull()).select("product_id", "unit_cost")
        joined = lines.left_join(costs, "product_id")
        known = joined.unit_cost.notnull() & (joined.paid != 0)
        sums = _day_sums(joined)
        sums["cost"] = ibis.ifelse(known, joined.quantity * joined.unit_cost, 0).sum().cast("float64")
        sums["costed"] = ibis.ifelse(known, joined.paid, 0).sum().cast("float64")
        lines = joined
    return lines.group_by("customer_id", "day").aggregate(**sums)


def _day_sums(lines: ir.Table) -> dict[str, ir.Value]:
    back = (lines.paid < 0).any().fill_null(False)
    bought = lines.sold.any() & ~(back & (lines.paid.sum() <= 0))
    return {"bought": bought.fill_null(False), "net": lines.paid.sum().cast("float64")}


def purchase_history(days: ir.Table, *, before: date) -> pd.DataFrame:
    """Sum up each customer's purchases before a date.

    Parameters
    ----------
    days : ibis.Table
        As ``days_of_purchase`` gives it.
    before : date
        The first day that is not seen; the last seen day is the end of the observation.

    Returns
    -------
    DataFrame
        One row per customer with a purchase day, sorted by customer_id: customer_id, first_on (date), repeats (purchase
        days after the first), last_weeks and age_weeks (from the first purchase day to the last one and to the last day
        seen; weeks), second_weeks (to the second one; missing where there is none), paid_repeats (repeat days with net
        above 0), spend_repeat_mean (mean net of those; missing without one), spend_total (net of all days, returns
        included; currency).
    """
    return read_history(history_rows(days, before=before).to_pandas(), before=before)


def history_rows(days: ir.Table, *, before: date) -> ir.Table:
    """Sum up each customer's purchases before a date in the engine, sorted by customer_id; for ``read_history``."""
    seen = days.filter(days.day < before)
    bought = seen.filter(seen.bought)
    first = bought.group_by("customer_id").aggregate(first_on=bought.day.min())
    dated = seen.inner_join(first, "customer_id")
    repeat = dated.bought & (dated.day > dated.first_on)
    paid = repeat & (dated.net > 0)
    found = dated.group_by("customer_id").aggregate(
        first_on=dated.first_on.min(),
        last_on=dated.day.max(where=dated.bought),
        second_on=dated.day.min(where=repeat),
        repeats=repeat.cast("int64").sum(),
        paid_repeats=paid.cast("int64").sum(),
        # rounded before it is summed: the order of doubles must not show
        spend_repeat=dated.net.cast("decimal(18, 4)").sum(where=paid).cast("float64"),
        spend_total=dated.net.cast("decimal(18, 4)").sum().cast("float64"),
    )
    return found.order_by("customer_id")


def read_history(frame: pd.DataFrame, *, before: date) -> pd.DataFrame:
    """Turn rows of ``history_rows``, all or a batch of them, into a history; see ``purchase_history``."""
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
    """Count what the customers of a history did in the period after it.

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
        In the order of ``history``: customer_id, orders (purchase days), spend (net, currency); 0 where there is none;
        next_days (from the day before the period to its first purchase; missing without one).
    """
    later = days.filter((days.day >= first) & (days.day < before))
    found = later.group_by("customer_id").aggregate(
        orders=later.bought.cast("int64").sum(),
        spend=later.net.cast("decimal(18, 4)").sum().cast("float64"),
        next_on=later.day.min(where=later.bought),
    )
    joined = history[["customer_id"]].merge(found.to_pandas(), on="customer_id", how="left", validate="one_to_one")
    waited = (pd.to_datetime(joined["next_on"]) - pd.Timestamp(first)).dt.days + 1.0
    filled = joined.assign(next_days=waited).fillna({"orders": 0, "spend": 0.0})
    return filled.astype({"orders": "int64", "spend": "float64"})[["customer_id", "orders", "spend", "next_days"]]


def weekly_orders(days: ir.Table, history: pd.DataFrame, *, before: date) -> pd.DataFrame:
    """Count the repeat purchase days of the customers of a history, week by week of the calendar of the data.

    Parameters
    ----------
    days : ibis.Table
    history : DataFrame
        customer_id, first_on.
    before : date

    Returns
    -------
    DataFrame
        week (0 = the seven days from the first purchase of all), repeats; every week to the last whole one.
    """
    start = history["first_on"].min().date()
    firsts = ibis.memtable(history[["customer_id", "first_on"]].assign(first_on=history["first_on"].dt.date))
    bought = days.filter(days.bought & (days.day < before))
    joined = bought.inner_join(firsts, "customer_id")
    repeat = joined.filter(joined.day > joined.first_on.cast("date"))
    week = repeat.day.delta(ibis.literal(start), unit="day") // DAYS_A_WEEK
    counts = repeat.group_by(week=week.cast("int64")).aggregate(repeats=repeat.count()).to_pandas()
    weeks = pd.DataFrame({"week": np.arange((before - start).days // DAYS_A_WEEK)})
    return weeks.merge(counts, on="week", how="left").fillna({"repeats": 0}).astype("int64")


def collapse(history: pd.DataFrame) -> pd.DataFrame:
    """Count customers whose purchases look the same to the models of orders.

    Returns
    -------
    DataFrame
        repeats, last_weeks, age_weeks, customers; sorted.
    """
    keys = ["repeats", "last_weeks", "age_weeks"]
    return history.groupby(keys, sort=True).size().rename("customers").reset_index()
