"""Usage of site and app by customer: visits, time, device, searches, clicks, conversion of views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.calendars import PARTS_OF_DAY
from workbench.intake.features.inputs.exact import at_midnight, days_between, join_customers, ratio, share_of, top_by
from workbench.intake.features.usage.sessions import group_sessions, known_events

if TYPE_CHECKING:
    from workbench.intake.features.inputs.keep import Keep
    from workbench.intake.features.inputs.settings import FeatureSettings

__all__ = ["describe_usage"]

SECONDS = 60  # in a minute
WEEK = 7
LABELS = {"platform": "event_platform_top", "channel": "event_channel_top", "search_term": "search_term_top"}


def describe_usage(
    tables: Mapping[str, ir.Table],
    *,
    as_of: date,
    windows_days: Sequence[int],
    settings: FeatureSettings,
    keep: Keep,
) -> list[ir.Table]:
    """Describe the events of each customer.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables cut at the as-of date; ``events``, and ``products`` for the categories viewed.
    as_of : date
    windows_days : sequence of int
        Lengths in days of the windows ``[as_of - days, as_of)``.
    settings : FeatureSettings
    keep : callable
        Materialises the sessions (``keeping``).

    Returns
    -------
    list of ibis.Table
        Tables of one row per customer with an event.
    """
    events = known_events(tables["events"], settings.event_types)
    sessions = keep(group_sessions(events, session_gap_minutes=settings.session_gap_minutes))
    blocks = [_sum_sessions(sessions, as_of=as_of, windows_days=windows_days, settings=settings)]
    blocks += [_favourite(events, column, name) for column, name in LABELS.items() if column in events.columns]
    blocks.append(_times(events))
    products = tables.get("products")
    if "product_id" in events.columns and products is not None and "category" in products.columns:
        blocks.append(_categories(events, products))
    return blocks


def _sum_sessions(
    sessions: ir.Table, *, as_of: date, windows_days: Sequence[int], settings: FeatureSettings
) -> ir.Table:
    days = sessions.started_at.date()
    sums = {
        "sessions": sessions.count(),
        "events": sessions["events"].sum(),
        "seconds": sessions.seconds.sum(),
        "single": sessions.count(where=sessions["events"] == 1),
        "first_at": sessions.started_at.min(),
        "last_at": (sessions.started_at.epoch_seconds() + sessions.seconds).max(),
        "event_days": days.nunique(),
    }
    for window in windows_days:
        inside = sessions.started_at >= at_midnight(as_of - timedelta(days=window))
        sums[f"sessions_{window}d"] = sessions.count(where=inside)
        if "attends" in sessions.columns:
            sums[f"attendances_{window}d"] = sessions.attends.sum(where=inside).fill_null(0)
    if "dwell" in sessions.columns:
        sums |= {"dwell": sessions.dwell.sum(), "dwelled": sessions.dwell.count()}
    if "searches" in sessions.columns:
        sums["searches"] = sessions.searches.sum()
    if "views" in sessions.columns:
        sums |= _funnel_sums(sessions)
    totals = sessions.group_by("customer_id").aggregate(**sums)
    features = _visits(totals, as_of, settings.least_for_share)
    windowed = [
        name for name in totals.columns if name.endswith("d") and name.startswith(("sessions_", "attendances_"))
    ]
    features |= {name: totals[name] for name in windowed}
    if "views" in sessions.columns:
        features |= _funnel(totals, settings.least_for_share)
    return totals.select("customer_id", **features)


def _funnel_sums(sessions: ir.Table) -> dict[str, ir.Scalar]:
    viewed, carted, bought = sessions.views > 0, sessions.carts > 0, sessions.purchases > 0
    return {
        **{name: sessions[name].sum() for name in ("views", "carts", "purchases", "impressions", "clicks")},
        "viewed": sessions.count(where=viewed),
        "carted": sessions.count(where=carted),
        "viewed_carted": sessions.count(where=viewed & carted),
        "carted_bought": sessions.count(where=carted & bought),
        "viewed_bought": sessions.count(where=viewed & bought),
    }


def _visits(totals: ir.Table, as_of: date, least: int) -> dict[str, ir.Column]:
    last = totals.last_at.as_timestamp("s").date()
    weeks = ibis.greatest(days_between(totals.first_at.date(), as_of), WEEK)
    features = {
        "event_recency_days": days_between(last, as_of),
        "event_days": totals.event_days,
        "sessions": totals.sessions,
        "sessions_per_week": ratio(totals.sessions * WEEK, weeks),
        "session_minutes_mean": ratio(totals.seconds, totals.sessions * SECONDS),
        "events_per_session_mean": ratio(totals["events"], totals.sessions),
        "single_event_session_share": share_of(totals.single, totals.sessions, least),
    }
    if "dwell" in totals.columns:
        features["dwell_minutes_per_session_mean"] = ratio(totals.dwell, totals.dwelled * SECONDS)
    if "searches" in totals.columns:
        features["searches_per_session_mean"] = ratio(totals.searches, totals.sessions)
    return features


def _funnel(totals: ir.Table, least: int) -> dict[str, ir.Column]:
    """Return the shares of sessions that reach the next step, for steps that the source records."""
    all_customers = ibis.window()
    has = {name: totals[name].sum().over(all_customers) > 0 for name in ("carts", "purchases", "impressions")}
    clicks = ibis.least(totals.clicks, totals.impressions)
    shares = {
        "view_to_cart_share": (has["carts"], totals.viewed_carted, totals.viewed),
        "cart_to_purchase_share": (has["purchases"], totals.carted_bought, totals.carted),
        "view_to_purchase_share": (has["purchases"], totals.viewed_bought, totals.viewed),
        "click_through_share": (has["impressions"], clicks, totals.impressions),
    }
    nothing = ibis.null("float64")
    return {
        "views_per_session_mean": ratio(totals.views, totals.sessions),
        "clicks_per_session_mean": ratio(totals.clicks, totals.sessions),
        **{
            name: ibis.ifelse(recorded, share_of(part, whole, least), nothing)
            for name, (recorded, part, whole) in shares.items()
        },
    }


def _favourite(events: ir.Table, column: str, name: str) -> ir.Table:
    """Find the value with the most events; search terms compare in lower case."""
    value = events[column].strip().lower().nullif("") if column == "search_term" else events[column]
    named = events.select("customer_id", value=value)
    counted = (
        named.filter(named.value.notnull()).group_by("customer_id", "value").aggregate(n=lambda table: table.count())
    )
    sums = counted.group_by("customer_id").aggregate(top=top_by(counted, "value", ["n"]))
    return sums.select("customer_id", **{name: sums.top["value"]})


def _times(events: ir.Table) -> ir.Table:
    """Find the hour and the part of the day with the most events."""
    named = events.select("customer_id", value=events.occurred_at.hour().cast("int64"))
    hours = named.group_by("customer_id", "value").aggregate(n=named.count())
    by_hour = hours.group_by("customer_id").aggregate(top=top_by(hours, "value", ["n"]))
    part = ibis.cases(*((hours.value < until, part) for part, until in PARTS_OF_DAY.items()))
    parted = hours.select("customer_id", "n", part=part)
    parts = parted.group_by("customer_id", "part").aggregate(n=parted.n.sum())
    by_part = parts.group_by("customer_id").aggregate(top=top_by(parts, "part", ["n"]))
    return join_customers(
        by_hour.select("customer_id", event_hour_top=by_hour.top["value"]),
        by_part.select("customer_id", event_part_of_day_top=by_part.top["value"]),
    )


def _categories(events: ir.Table, products: ir.Table) -> ir.Table:
    with_category = products.filter(products.category.notnull())
    names = with_category.group_by("product_id").aggregate(value=with_category.category.min())
    joined = events.select("customer_id", "product_id").inner_join(names, "product_id")
    counted = joined.group_by("customer_id", "value").aggregate(n=joined.count())
    sums = counted.group_by("customer_id").aggregate(top=top_by(counted, "value", ["n"]), names=counted.count())
    return sums.select("customer_id", viewed_category_top=sums.top["value"], viewed_categories_distinct=sums["names"])
