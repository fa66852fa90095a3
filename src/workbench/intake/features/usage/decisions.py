"""Decision features of each customer: from the first view to the purchase."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import days_between
from workbench.intake.features.inputs.lines import is_sale
from workbench.intake.features.usage.usage import share_of

__all__ = ["describe_decisions", "follow_products"]

LOOK_BACK_DAYS = 90
COMPARES = 3  # fewest products viewed before a purchase of the style comparison
CONSIDERS = 1  # fewest days of the style considered


def describe_decisions(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Measure the days and the products viewed before a purchase.

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
    views, purchases = (
        _grouped(_view_days(tables["events"]), tables),
        _grouped(_purchase_days(tables["transactions"]), tables),
    )
    views = views.mutate(buys=ibis.literal(0))
    purchases = purchases.select("customer_id", "group", "day").distinct()
    purchases = purchases.mutate(product_id=ibis.null("string"), buys=ibis.literal(1)).select(views.columns)
    steps = views.union(purchases)
    onwards = ibis.window(
        group_by=[steps.customer_id, steps.group], order_by=[steps.day, steps.buys], preceding=0, following=None
    )
    steps = steps.mutate(bought=ibis.ifelse(steps.buys == 1, steps.day, ibis.null("date")).min().over(onwards))
    near = steps.filter(steps.buys == 0, steps.bought.notnull())
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
    """Return the share of viewed products that were bought on or after the day of their first event.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        As for `describe_decisions`.
    least : int
        Fewest products with an event for the share; below it the share is null.

    Returns
    -------
    ibis.Table
        One row per customer with an event on a product: viewed_bought_share (0..1).
    """
    views, purchases = _view_days(tables["events"]), _purchase_days(tables["transactions"])
    first = views.group_by("customer_id", "product_id").aggregate(looked=views.day.min())
    last = purchases.group_by("customer_id", "product_id").aggregate(bought=purchases.day.max())
    pairs = first.left_join(last, ["customer_id", "product_id"])
    sums = pairs.group_by("customer_id").aggregate(
        bought=pairs.count(where=pairs.bought >= pairs.looked), products=pairs.count()
    )
    return sums.select("customer_id", viewed_bought_share=share_of(sums.bought, sums.products, least))


def _view_days(events: ir.Table) -> ir.Table:
    """Return the days on which a customer had an event on a product; purchase events do not count."""
    valid = events.filter(events.customer_id.notnull() & events.product_id.notnull() & events.occurred_at.notnull())
    if "kind" in valid.columns:
        valid = valid.filter((valid.kind != "purchase").fill_null(True))
    return valid.select("customer_id", "product_id", day=valid.occurred_at.date()).distinct()


def _purchase_days(transactions: ir.Table) -> ir.Table:
    """Return the days on which a customer bought a product."""
    valid = transactions.filter(transactions.customer_id.notnull() & transactions.product_id.notnull())
    sold = valid.filter(is_sale(valid), valid.ordered_at.notnull())
    return sold.select("customer_id", "product_id", day=sold.ordered_at.date()).distinct()


def _grouped(days: ir.Table, tables: Mapping[str, ir.Table]) -> ir.Table:
    """Add the group that links views and purchases: the category, else the product."""
    products = tables.get("products")
    if products is None or "category" not in products.columns:
        return days.mutate(group=days.product_id)
    with_category = products.filter(products.category.notnull())
    names = with_category.group_by("product_id").aggregate(group=with_category.category.min())
    joined = days.left_join(names, "product_id").drop("product_id_right")
    return joined.mutate(group=joined.group.coalesce(joined.product_id))
