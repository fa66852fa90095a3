"""Features of related and referred customers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import at_midnight, join_customers, money, ratio
from workbench.intake.features.inputs.words import REFERRAL_KINDS, plain

__all__ = ["describe_referrals", "describe_relations"]

ACTIVE_DAYS = 365


def describe_relations(
    tables: Mapping[str, ir.Table], customer_ids: ir.Table, purchases: ir.Table | None, *, as_of: date
) -> ir.Table:
    """Count the related customers of each customer known at the as-of date; relations themselves have no date.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; ``relations`` (customer_id, other_id), read in both directions.
    customer_ids : ibis.Table
        customer_id: the customers known at the as-of date. A relation to anybody else is left out.
    purchases : ibis.Table or None
        Orders with a sale before the as-of date: customer_id, ordered_at; None if there are none.
    as_of : date

    Returns
    -------
    ibis.Table
        One row per customer with a relation: relations_degree, relations_reach (sum of the related customers' degrees)
        and, with dated purchases, relations_active_share (share of related customers with a purchase in the last 365
        days, 0..1).
    """
    pairs = _pairs(tables["relations"], customer_ids)
    degrees = pairs.group_by("customer_id").aggregate(relations_degree=pairs.count())
    other_degrees = degrees.select(other_id="customer_id", other_degree="relations_degree")
    joined = pairs.inner_join(other_degrees, "other_id")
    reach = joined.group_by("customer_id").aggregate(relations_reach=joined.other_degree.sum())
    totals = join_customers(degrees, reach)
    if purchases is None or "ordered_at" not in purchases.columns:
        return totals
    since = at_midnight(as_of - timedelta(days=ACTIVE_DAYS))
    active = purchases.filter(purchases.ordered_at >= since).select(other_id="customer_id").distinct()
    active_pairs = pairs.semi_join(active, "other_id")
    counted = active_pairs.group_by("customer_id").aggregate(active=active_pairs.count())
    joined_active = join_customers(totals, counted)
    share = ratio(joined_active.active.fill_null(0), joined_active.relations_degree)
    return joined_active.mutate(relations_active_share=share).drop("active")


def describe_referrals(tables: Mapping[str, ir.Table], customer_ids: ir.Table, orders: ir.Table | None) -> ir.Table:
    """Count the customers each customer referred, and their spend.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        ``relations`` whose kind names a referral (from customer_id to other_id), ``customers`` with a
        referrer_customer_id, or both.
    customer_ids : ibis.Table
        customer_id: the customers known at the as-of date.
    orders : ibis.Table or None
        Orders before the as-of date: customer_id, net; None if there are none.

    Returns
    -------
    ibis.Table
        One row per customer who referred somebody: referrals (distinct customers) and, with orders, referred_spend
        (their net spend, 0 where they bought nothing).
    """
    parts = []
    relations, customers = tables.get("relations"), tables.get("customers")
    if relations is not None and "kind" in relations.columns:
        referrals = relations.filter(plain(relations.kind).isin(REFERRAL_KINDS))
        parts.append(referrals.select("customer_id", "other_id"))
    if customers is not None and "referrer_customer_id" in customers.columns:
        parts.append(customers.select(customer_id="referrer_customer_id", other_id="customer_id"))
    pairs = parts[0] if len(parts) == 1 else parts[0].union(parts[1])
    pairs = _among(pairs, customer_ids).distinct()
    counted = pairs.group_by("customer_id").aggregate(referrals=pairs.count())
    if orders is None:
        return counted
    spent = orders.group_by("customer_id").aggregate(net=orders.net.sum())
    joined = pairs.inner_join(spent.select(other_id="customer_id", net="net"), "other_id")
    sums = joined.group_by("customer_id").aggregate(referred_spend=joined.net.sum())
    totals = join_customers(counted, sums)
    return totals.mutate(referred_spend=money(totals.referred_spend.fill_null(0)))


def _pairs(relations: ir.Table, customer_ids: ir.Table) -> ir.Table:
    """Return each related pair in both directions, among known customers."""
    forward = relations.select("customer_id", "other_id")
    backward = relations.select(customer_id="other_id", other_id="customer_id")
    return _among(forward.union(backward), customer_ids).distinct()


def _among(pairs: ir.Table, customer_ids: ir.Table) -> ir.Table:
    valid = pairs.filter(pairs.customer_id.notnull(), pairs.other_id.notnull(), pairs.customer_id != pairs.other_id)
    return valid.semi_join(customer_ids.select(other_id="customer_id"), "other_id")
