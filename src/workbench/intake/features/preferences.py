"""What each customer prefers: products, categories, brands, stores, channels, platforms, payment methods."""

from __future__ import annotations

import ibis.expr.types as ir

from workbench.intake.features.exact import money, ratio, top_by
from workbench.intake.features.lines import is_sale

__all__ = ["count_products", "prefer_group", "prefer_label"]

PLURALS = {"category": "categories", "brand": "brands"}


def count_products(lines: ir.Table) -> ir.Table:
    """Count the distinct products each customer bought.

    Parameters
    ----------
    lines : ibis.Table
        Order lines of known customers; columns customer_id, product_id, amount.

    Returns
    -------
    ibis.Table
        One row per customer: customer_id, products_distinct. Lines without a product are left out.
    """
    pairs = _sold_products(lines).select("customer_id", "product_id").distinct()
    return pairs.group_by("customer_id").aggregate(products_distinct=pairs.count())


def prefer_group(lines: ir.Table, products: ir.Table, group: str) -> ir.Table:
    """Find the category or brand on which a customer spends most, its share, and how concentrated the spend is.

    Parameters
    ----------
    lines : ibis.Table
        Order lines of known customers; columns customer_id, product_id, amount.
    products : ibis.Table
        The canonical table; product_id and the group. A product listed twice takes the name that sorts first.
    group : str
        Its column: category or brand.

    Returns
    -------
    ibis.Table
        One row per customer: ``<group>_top`` (ties go to the name that sorts first), ``<group>_top_share`` (0..1, of
        the spend whose group is known), ``<groups>_distinct`` (count) and ``<group>_hhi``, the sum of squared shares
        (0..1; Hirschman 1945, Herfindahl 1950). Products of unknown group are left out.
    """
    known = products.filter(products[group].notnull())
    names = known.group_by("product_id").aggregate(value=known[group].min())
    joined = _sold_products(lines).inner_join(names, "product_id")
    spent = joined.group_by("customer_id", "value").aggregate(sold=money(joined.amount.sum()))
    sums = spent.group_by("customer_id").aggregate(
        top=top_by(spent, "value", ["sold"]),
        sold=spent.sold.sum(),
        squares=(spent.sold * spent.sold).sum(),
        names=spent.count(),
    )
    whole = sums.sold.cast("float64")
    return sums.select(
        "customer_id",
        **{
            f"{group}_top": sums.top["value"],
            f"{group}_top_share": ratio(-sums.top["sold"], sums.sold),
            f"{group}_hhi": ratio(sums.squares, whole * whole),
            PLURALS[group] + "_distinct": sums["names"],
        },
    )


def prefer_label(purchases: ir.Table, label: str) -> ir.Table:
    """Find the store, channel, platform or payment method with which a customer spends most.

    Parameters
    ----------
    purchases : ibis.Table
        Orders holding a sale; columns customer_id, sold and the label.
    label : str
        Its column; a final ``_id`` is left out of the features' names.

    Returns
    -------
    ibis.Table
        One row per customer: ``<label>_top`` (ties go to the name that sorts first) and ``<label>_top_share`` (0..1, of
        the spend whose label is known). Orders without the label are left out.
    """
    known = purchases.filter(purchases[label].notnull())
    spent = known.group_by("customer_id", label).aggregate(sold=money(known.sold.sum()))
    sums = spent.group_by("customer_id").aggregate(top=top_by(spent, label, ["sold"]), sold=spent.sold.sum())
    share, name = ratio(-sums.top["sold"], sums.sold), label.removesuffix("_id")
    return sums.select("customer_id", **{f"{name}_top": sums.top["value"], f"{name}_top_share": share})


def _sold_products(lines: ir.Table) -> ir.Table:
    sold = lines.filter(is_sale(lines), lines.product_id.notnull())
    return sold.select("customer_id", "product_id", "amount")
