"""Origin of customers: acquisition channel and city tier."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.city_tiers import city_tiers
from workbench.intake.features.inputs.exact import join_customers

__all__ = ["describe_acquisition", "describe_city"]

LATIN_ENDINGS = r"( city| shi|, china)+$"


def describe_acquisition(
    tables: Mapping[str, ir.Table], customer_ids: ir.Table, purchases: ir.Table | None
) -> ir.Table:
    """Return the channel through which each customer was acquired.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables cut at the as-of date: customers (source_l1), events (occurred_at, channel).
    customer_ids : ibis.Table
        customer_id: the customers known at the as-of date.
    purchases : ibis.Table or None
        Orders with a sale: customer_id, channel and, where known, ordered_at.

    Returns
    -------
    ibis.Table
        One row per customer: acquisition_channel, which is the declared source if there is one, else the channel of the
        first event with a channel, else of the first purchase with one (ties go to the name that sorts first); null if
        none is known.
    """
    parts = []
    customers, events = tables.get("customers"), tables.get("events")
    if customers is not None and "source_l1" in customers.columns:
        named = customers.filter(customers.customer_id.notnull())
        parts.append(named.select("customer_id", touch_0=named.source_l1.strip().nullif("")))
    if events is not None and {"channel", "occurred_at"} <= set(events.columns):
        parts.append(_first(events, "occurred_at", "touch_1"))
    if purchases is not None and {"channel", "ordered_at"} <= set(purchases.columns):
        parts.append(_first(purchases, "ordered_at", "touch_2"))
    joined = reduce(join_customers, parts, customer_ids)
    touches = [joined[name] for name in joined.columns if name.startswith("touch_")]
    channel = reduce(lambda first, second: first.coalesce(second), touches) if touches else ibis.null("string")
    return joined.select("customer_id", acquisition_channel=channel)


def describe_city(customers: ir.Table) -> ir.Table:
    """Return the tier of each customer's city: one row per customer_id, city_tier 1 to 4, null for other cities."""
    identified = customers.filter(customers.customer_id.notnull())
    city = identified.city.strip().lower().re_replace(LATIN_ENDINGS, "").replace(" ", "")
    tiers: dict[int, list[str]] = {}
    for name, tier in city_tiers().items():
        tiers.setdefault(tier, []).append(name)
    branches = [(city.isin(sorted(names)), tier) for tier, names in sorted(tiers.items())]
    return identified.select("customer_id", city_tier=ibis.cases(*branches).cast("int64"))


def _first(table: ir.Table, at: str, name: str) -> ir.Table:
    """Return the channel of each customer's first row with a channel."""
    touches = table.filter(table.customer_id.notnull() & table.channel.notnull() & table[at].notnull())
    earliest = touches.group_by("customer_id").aggregate(
        first=ibis.struct({"at": touches[at], "channel": touches.channel}).min()
    )
    return earliest.select("customer_id", **{name: earliest.first["channel"]})
