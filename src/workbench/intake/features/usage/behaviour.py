"""Purchases of each customer: recency, frequency, money, windows, baskets, discounts and returns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import DIGITS, at_midnight, days_between, money, ratio

__all__ = ["describe_behaviour"]

FIFTHS = 5
DIGITS_OF_ALL = 12  # decimals of a share of all customers
SATURDAY = 5  # days of the week counted from Monday = 0


def describe_behaviour(orders: ir.Table, *, as_of: date, windows_days: Sequence[int]) -> ir.Table:
    """Summarise each customer's orders.

    Parameters
    ----------
    orders : ibis.Table
        One row per customer and order, as ``group_orders`` returns them.
    as_of : date
        Recency and tenure count the days up to it.
    windows_days : sequence of int
        Lengths in days of the windows ``[as_of - days, as_of)``.

    Returns
    -------
    ibis.Table
        One row per customer with any order, returns included; the features whose source columns exist. Dates, days
        and means are null for a customer without a purchase.
    """
    bought = orders.sale_lines > 0
    sums = {name: orders[name].sum() for name in orders.columns if orders[name].type().is_numeric()}
    sums["orders"] = orders.count(where=bought)
    if "coupon_lines" in orders.columns:
        sums["coupon_orders"] = orders.count(where=orders.coupon_lines > 0)
    if "ordered_at" in orders.columns:
        sums |= _dated_sums(orders, bought, as_of=as_of, windows_days=windows_days)
    totals = orders.group_by("customer_id").aggregate(**sums)
    features = _money_and_baskets(totals) | _discounts_and_returns(totals) | _promotions(totals)
    features |= _place_among_all(totals)
    if "ordered_at" in orders.columns:
        features |= _recency_and_windows(totals, as_of=as_of, windows_days=windows_days)
    return totals.select("customer_id", **features)


def _dated_sums(
    orders: ir.Table, bought: ir.BooleanColumn, *, as_of: date, windows_days: Sequence[int]
) -> dict[str, ir.Scalar]:
    sums = {
        "first_ordered_at": orders.ordered_at.min(where=bought),
        "last_ordered_at": orders.ordered_at.max(where=bought),
        "weekend_orders": orders.count(where=bought & (orders.ordered_at.day_of_week.index() >= SATURDAY)),
    }
    for days in windows_days:
        inside = orders.ordered_at >= at_midnight(as_of - timedelta(days=days))
        sums[f"orders_{days}d"] = orders.count(where=bought & inside)
        sums[f"spend_{days}d"] = orders.net.sum(where=inside)
    return sums


def _money_and_baskets(totals: ir.Table) -> dict[str, ir.NumericColumn]:
    features = {
        "frequency_orders": totals.orders,
        "monetary_total": money(totals.net.fill_null(0)),
        "spend_per_order_mean": ratio(totals.net, totals.orders),
        "lines_per_order_mean": ratio(totals.sale_lines, totals.orders),
    }
    if "items" in totals.columns:
        features["items_per_order_mean"] = ratio(totals["items"], totals.orders)
    return features


def _discounts_and_returns(totals: ir.Table) -> dict[str, ir.NumericColumn]:
    marked = totals.marked.fill_null(0) if "marked" in totals.columns else 0
    returned = totals.returned.fill_null(0) + marked
    features = {
        "returns_total": money(returned),
        "return_value_share": ratio(returned, totals.sold.fill_null(0) + marked),
        "return_line_share": ratio(totals.return_lines, totals.lines),
    }
    if "discount" in totals.columns:
        discount = totals.discount.fill_null(0)
        features["discount_share"] = ratio(discount, totals.sold + discount)
        features["discounted_line_share"] = ratio(totals.discounted_lines, totals.sale_lines)
    if "coupon_lines" in totals.columns:
        features["coupon_order_share"] = ratio(totals.coupon_orders, totals.orders)
    return features


def _promotions(totals: ir.Table) -> dict[str, ir.NumericColumn]:
    """Compare the share of spend on promotion with that of all customers together."""
    if "promoted" not in totals.columns:
        return {}
    sold = totals.sold.cast("float64").nullif(0)
    share = totals.promoted.fill_null(0).cast("float64") / sold
    all_customers = ibis.window()
    base = totals.promoted.sum().over(all_customers).cast("float64") / totals.sold.sum().over(all_customers).cast(
        "float64"
    )
    return {"promotion_spend_share": share.round(DIGITS), "promotion_lift": (share / base.nullif(0)).round(DIGITS)}


def _place_among_all(totals: ir.Table) -> dict[str, ir.NumericColumn]:
    """Compare the net spend with all customers: share, rank, and quintile among purchasers."""
    net, buys, all_customers = money(totals.net.fill_null(0)), totals.orders > 0, ibis.window()
    lower = ibis.rank().over(ibis.window(order_by=net))
    n = net.count().over(all_customers)
    lower_buyers = ibis.rank().over(ibis.window(group_by=buys, order_by=net))
    buyers = net.count().over(ibis.window(group_by=buys))
    quintile = 1 + (lower_buyers * FIFTHS // buyers)
    return {
        "spend_quintile": ibis.ifelse(buys, quintile.cast("int64"), ibis.null("int64")),
        "contribution_share": (net.cast("float64") / net.sum().over(all_customers).cast("float64").nullif(0)).round(
            DIGITS_OF_ALL
        ),
        "contribution_rank_share": ratio(n - lower, n),
    }


def _recency_and_windows(totals: ir.Table, *, as_of: date, windows_days: Sequence[int]) -> dict[str, ir.Column]:
    first, last = totals.first_ordered_at.date(), totals.last_ordered_at.date()
    features = {
        "recency_days": days_between(last, as_of),
        "tenure_days": days_between(first, as_of),
        "first_ordered_on": first,
        "last_ordered_on": last,
        "weekend_share": ratio(totals.weekend_orders, totals.orders),
    }
    for days in windows_days:
        features[f"orders_{days}d"] = totals[f"orders_{days}d"]
        features[f"spend_{days}d"] = money(totals[f"spend_{days}d"].fill_null(0))
    return features
