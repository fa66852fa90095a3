"""Purchase timing of each customer: days between purchases, active months, weekdays and hours."""

from __future__ import annotations

from datetime import date

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.calendars import PARTS_OF_DAY
from workbench.intake.features.inputs.exact import DIGITS, days_between, deviation, join_customers, money, ratio, top_by

__all__ = ["describe_rhythm", "describe_times"]


def describe_rhythm(purchases: ir.Table, *, as_of: date) -> ir.Table:
    """Describe the gaps between a customer's purchase days; several purchases on one day count as one.

    Parameters
    ----------
    purchases : ibis.Table
        Orders with a sale; columns customer_id, ordered_at.
    as_of : date
        The days since the last purchase are counted up to it.

    Returns
    -------
    ibis.Table
        One row per customer with a purchase: gap_days_mean, gap_days_median, last_gap_days, recency_to_gap_ratio and
        next_purchase_on (null for fewer than two purchase days), gap_days_std (n - 1 in the denominator) and
        gap_variation (null for fewer than three), active_months (calendar months with a purchase) and
        orders_per_active_month.
    """
    dated = purchases.select("customer_id", day=purchases.ordered_at.date())
    days = dated.group_by("customer_id", "day").aggregate(orders=dated.count())
    previous_day = days.day.lag().over(ibis.window(group_by=days.customer_id, order_by=days.day))
    days = days.mutate(before=previous_day)
    days = days.mutate(
        gap=days_between(days.before, days.day),
        opens_month=days.before.isnull() | (days.before.truncate("M") != days.day.truncate("M")),
    )
    sums = days.group_by("customer_id").aggregate(
        gaps=days.gap.count(),
        gap_sum=days.gap.sum(),
        gap_squares=(days.gap * days.gap).sum(),
        gap_days_median=days.gap.median(),
        last_gap_days=days.gap.argmax(days.day),
        active_months=days.count(where=days.opens_month),
        orders=days.orders.sum(),
        last_on=days.day.max(),
    )
    spread, median = deviation(sums.gaps, sums.gap_sum, sums.gap_squares), sums.gap_days_median
    return sums.select(
        "customer_id",
        gap_days_mean=ratio(sums.gap_sum, sums.gaps),
        gap_days_median=median,
        gap_days_std=spread,
        gap_variation=(spread * sums.gaps / sums.gap_sum).round(DIGITS),
        recency_to_gap_ratio=ratio(days_between(sums.last_on, as_of), median),
        next_purchase_on=(sums.last_on + median.ceil().cast("int64").as_interval("D")),
        orders_per_active_month=ratio(sums.orders, sums.active_months),
        last_gap_days=sums.last_gap_days,
        active_months=sums.active_months,
    )


def describe_times(purchases: ir.Table) -> ir.Table:
    """Describe on which days of the week and at which hours a customer buys.

    Parameters
    ----------
    purchases : ibis.Table
        Orders with a sale; columns customer_id, ordered_at, sold.

    Returns
    -------
    ibis.Table
        One row per customer with a purchase: weekday_top (1 = Monday .. 7), part_of_day_top (a key of
        ``PARTS_OF_DAY``) and evening_share (0..1). The top has the most orders, then the highest spend, then the name
        that sorts first. An order at exactly midnight has no time of day: it counts for the weekday only, and a
        customer with only such orders has no part of day.
    """
    clock = purchases.ordered_at
    weekday = _count_orders(purchases, clock.day_of_week.index() + 1)
    weekdays = weekday.group_by("customer_id").aggregate(top=top_by(weekday, "value", ["orders", "sold"]))
    bounds = [(clock.hour() < until, part) for part, until in PARTS_OF_DAY.items()]
    part = _count_orders(purchases.filter(clock != clock.truncate("D")), ibis.cases(*bounds))
    parts = part.group_by("customer_id").aggregate(
        top=top_by(part, "value", ["orders", "sold"]),
        evening=part.orders.sum(where=part.value == "evening").fill_null(0),
        orders=part.orders.sum(),
    )
    return join_customers(
        weekdays.select("customer_id", weekday_top=weekdays.top["value"].cast("int64")),
        parts.select(
            "customer_id", part_of_day_top=parts.top["value"], evening_share=ratio(parts.evening, parts.orders)
        ),
    )


def _count_orders(purchases: ir.Table, value: ir.Column) -> ir.Table:
    """Count orders and sum sales by customer and value."""
    valued = purchases.select("customer_id", "sold", value=value)
    return valued.group_by("customer_id", "value").aggregate(orders=valued.count(), sold=money(valued.sold.sum()))
