"""How each customer decides: from the first look to the purchase."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import days_between
from workbench.intake.features.inputs.lines import is_sale
from workbench.intake.features.usage.usage import share_of

__all__ = ["describe_decisions", "follow_products"]

LOOK_BACK_DAYS = 90
COMPARES = 3  # products viewed before a purchase from which a customer compares
CONSIDERS = 1  # days from which a customer considers


def describe_decisions(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Measure the days and the products a customer looks at before a purchase.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables cut at the as-of date: events (customer_id, occurred_at, product_id), transactions
        (customer_id, ordered_at, product_id, amount), and products (product_id, category) where categories are known.

    Returns
    -------
    ibis.Table
        One row per customer with a purchase that follows an event on the same category (the same product, without
        categories): decision_cycle_days_median, the median over such purchases of the days from the first event since
        the purchase before, at most 90 days back; products_before_purchase_median, the median of the distinct products
        of the category with such an event; decision_style: comparison (3 products or more), else considered (1 day or
        more), else impulsive. Events on the day of a purchase count as before it.
    """
    looks, buys = _grouped(_looks(tables["events"]), tables), _grouped(_buys(tables["transactions"]), tables)
    looks = looks.mutate(buys=ibis.literal(0))
    buys = buys.select("customer_id", "group", "day").distinct()
    buys = buys.mutate(product_id=ibis.null("string"), buys=ibis.literal(1)).select(looks.columns)
    both = looks.union(buys)
    onwards = ibis.window(
        group_by=[both.customer_id, both.group], order_by=[both.day, both.buys], preceding=0, following=None
    )
    both = both.mutate(bought=ibis.ifelse(both.buys == 1, both.day, ibis.null("date")).min().over(onwards))
    near = both.filter(both.buys == 0, both.bought.notnull())
    near = near.filter(days_between(near.day, near.bought) <= LOOK_BACK_DAYS)
    cases = near.group_by("customer_id", "group", "bought").aggregate(
        first=near.day.min(), products=near.product_id.nunique()
    )
    cases = cases.mutate(days=days_between(cases.first, cases.bought))
    sums = cases.group_by("customer_id").aggregate(days=cases.days.median(), products=cases.products.median())
    style = ibis.cases(
        (sums.products >= COMPARES, "comparison"), (sums.days >= CONSIDERS, "considered"), else_="impulsive"
    )
    return sums.select(
        "customer_id",
        decision_cycle_days_median=sums.days,
        products_before_purchase_median=sums.products,
        decision_style=style,
    )


def follow_products(tables: Mapping[str, ir.Table], *, least: int) -> ir.Table:
    """Give the share of the products with an event that were bought on or after the day of the first.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        As for `describe_decisions`.
    least : int
        Fewest products with an event on which the share is told.

    Returns
    -------
    ibis.Table
        One row per customer with an event on a product: viewed_bought_share (0..1).
    """
    looks, buys = _looks(tables["events"]), _buys(tables["transactions"])
    first = looks.group_by("customer_id", "product_id").aggregate(looked=looks.day.min())
    last = buys.group_by("customer_id", "product_id").aggregate(bought=buys.day.max())
    pairs = first.left_join(last, ["customer_id", "product_id"])
    sums = pairs.group_by("customer_id").aggregate(
        bought=pairs.count(where=pairs.bought >= pairs.looked), products=pairs.count()
    )
    return sums.select("customer_id", viewed_bought_share=share_of(sums.bought, sums.products, least))


def _looks(events: ir.Table) -> ir.Table:
    """Give the days on which a customer had an event on a product; events that buy are none."""
    known = events.filter(events.customer_id.notnull() & events.product_id.notnull() & events.occurred_at.notnull())
    if "kind" in known.columns:
        known = known.filter((known.kind != "purchase").fill_null(True))
    return known.select("customer_id", "product_id", day=known.occurred_at.date()).distinct()


def _buys(transactions: ir.Table) -> ir.Table:
    """Give the days on which a customer bought a product."""
    known = transactions.filter(transactions.customer_id.notnull() & transactions.product_id.notnull())
    sold = known.filter(is_sale(known), known.ordered_at.notnull())
    return sold.select("customer_id", "product_id", day=sold.ordered_at.date()).distinct()


def _grouped(days: ir.Table, tables: Mapping[str, ir.Table]) -> ir.Table:
    """Name the group in which looks and purchases meet: the category, else the product."""
    products = tables.get("products")
    if products is None or "category" not in products.columns:
        return days.mutate(group=days.product_id)
    known = products.filter(products.category.notnull())
    names = known.group_by("product_id").aggregate(group=known.category.min())
    joined = days.left_join(names, "product_id").drop("product_id_right")
    return joined.mutate(group=joined.group.coalesce(joined.product_id))
