"""Preferences of each customer: products, categories, brands, stores, channels, platforms, payment methods."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import DIGITS, join_customers, money, ratio, squared, top_by
from workbench.intake.features.inputs.lines import is_sale

__all__ = ["count_products", "describe_loyalty", "prefer_group", "prefer_label", "spend_by_group"]

PSEUDO_LINES = 5  # average lines added to the lines of a customer (shrinkage)

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


def spend_by_group(lines: ir.Table, products: ir.Table, groups: Sequence[str]) -> ir.Table:
    """Sum the spend of each customer by category and brand, as input for preferences and brand loyalty.

    Parameters
    ----------
    lines : ibis.Table
        Order lines of known customers; columns customer_id, product_id, amount.
    products : ibis.Table
        The canonical table; product_id and the groups. A product listed twice takes the names that sort first.
    groups : sequence of str
        Its columns: category, brand or both.

    Returns
    -------
    ibis.Table
        One row per customer and combination of the groups: customer_id, the groups (null where the product has none),
        sold, lines (count of sale lines). Lines of products that are not listed are left out.
    """
    names = products.group_by("product_id").aggregate(**{group: products[group].min() for group in groups})
    joined = _sold_products(lines).inner_join(names, "product_id")
    return joined.group_by("customer_id", *groups).aggregate(sold=money(joined.amount.sum()), lines=joined.count())


def prefer_group(spend: ir.Table, group: str) -> ir.Table:
    """Find the category or brand on which a customer spends most, its share, and how concentrated the spend is.

    Parameters
    ----------
    spend : ibis.Table
        As ``spend_by_group`` returns it.
    group : str
        Its column: category or brand.

    Returns
    -------
    ibis.Table
        One row per customer: ``<group>_top`` (ties go to the name that sorts first), ``<group>_top_share`` (0..1, of
        the spend whose group is known), ``<groups>_distinct`` (count), ``<group>_hhi``, the sum of squared shares
        (0..1; Hirschman 1945, Herfindahl 1950), and ``<group>_top_lift``: the share of lines of the top against the
        share p of all customers' lines, ``((its lines + 5 p) / (lines + 5)) / p``, so that few lines shrink
        towards 1. Products of unknown group are left out.
    """
    named = spend.filter(spend[group].notnull())
    spent = named.group_by("customer_id", value=named[group]).aggregate(
        sold=money(named.sold.sum()), lines=named.lines.sum()
    )
    base = spent.group_by("value").aggregate(all_lines=spent.lines.sum())
    base = base.mutate(p=base.all_lines / base.all_lines.sum().over(ibis.window()))
    sums = spent.group_by("customer_id").aggregate(
        top=top_by(spent, "value", ["sold"], also=["lines"]),
        sold=spent.sold.sum(),
        squares=squared(spent.sold).sum(),
        names=spent.count(),
        lines=spent.lines.sum(),
    )
    sums = sums.mutate(value=sums.top["value"]).left_join(base, "value")
    whole = sums.sold.cast("float64")
    lift = (sums.top["lines"] + PSEUDO_LINES * sums.p) / ((sums.lines + PSEUDO_LINES) * sums.p)
    return sums.select(
        "customer_id",
        **{
            f"{group}_top": sums.top["value"],
            f"{group}_top_share": ratio(-sums.top["sold"], sums.sold),
            f"{group}_hhi": ratio(sums.squares, whole * whole),
            f"{group}_top_lift": lift.round(DIGITS),
            PLURALS[group] + "_distinct": sums["names"],
        },
    )


def prefer_label(purchases: ir.Table, label: str) -> ir.Table:
    """Find the store, channel, platform or payment method with which a customer spends most.

    Parameters
    ----------
    purchases : ibis.Table
        Orders with a sale; columns customer_id, sold and the label.
    label : str
        Its column; a final ``_id`` is left out of the features' names.

    Returns
    -------
    ibis.Table
        One row per customer: ``<label>_top`` (ties go to the name that sorts first), ``<label>_top_share`` (0..1, of
        the spend whose label is known) and, of a channel, ``channel_entropy`` (bits; Shannon 1948). Orders without the
        label are left out.
    """
    labelled = purchases.filter(purchases[label].notnull())
    spent = labelled.group_by("customer_id", label).aggregate(sold=money(labelled.sold.sum()))
    sums = spent.group_by("customer_id").aggregate(top=top_by(spent, label, ["sold"]), sold=spent.sold.sum())
    share, name = ratio(-sums.top["sold"], sums.sold), label.removesuffix("_id")
    tops = sums.select("customer_id", **{f"{name}_top": sums.top["value"], f"{name}_top_share": share})
    return join_customers(tops, _entropy(spent, f"{name}_entropy")) if label == "channel" else tops


def describe_loyalty(spend: ir.Table) -> ir.Table:
    """Measure how a customer's spend concentrates on brands within categories, compared with chance.

    Parameters
    ----------
    spend : ibis.Table
        As ``spend_by_group`` returns it for category and brand.

    Returns
    -------
    ibis.Table
        One row per customer with a category bought on two lines or more: brand_concentration, the sum of squared
        brand shares of spend within a category (0..1, HHI), averaged over these categories by spend; brand_loyalty
        (-1..1), ``(concentration - c) / (1 - c)`` from c upwards and ``(concentration - c) / c`` below it, each side
        relative to its maximum (Cole 1949). c is the concentration expected of as many equally priced lines, drawn
        from the brands of the category as all customers choose them: ``H + (1 - H) / n`` with H the sum of the squared
        brand shares of all lines (the expectation of Simpson's index, 1949). 0 is average, 1 one brand only,
        below 0 more varied than chance; null where every category has one brand only.
    """
    spent = spend.filter(spend.category.notnull(), spend.brand.notnull())
    cells = spent.group_by("customer_id", "category").aggregate(
        sold=spent.sold.sum(), squares=squared(spent.sold).sum(), n=spent.lines.sum()
    )
    cells = cells.filter(cells.n > 1).inner_join(_chance(spent), "category")
    whole = cells.sold.cast("float64")
    cells = cells.mutate(
        observed=money(cells.squares.cast("float64") / whole),
        chance=money(whole * (cells.chance + (1 - cells.chance) / cells.n)),
    )
    sums = cells.group_by("customer_id").aggregate(
        **{name: cells[name].sum() for name in ("sold", "observed", "chance")}
    )
    headroom, difference = (sums.sold - sums.chance).cast("float64"), (sums.observed - sums.chance).cast("float64")
    largest_difference = ibis.ifelse(difference >= 0, headroom, sums.chance.cast("float64"))
    return sums.select(
        "customer_id",
        brand_concentration=ratio(sums.observed, sums.sold),
        brand_loyalty=ibis.ifelse(headroom == 0, None, difference / largest_difference).round(DIGITS),
    )


def _chance(spent: ir.Table) -> ir.Table:
    """Return the sum of the squared brand shares of all lines of each category."""
    brands = spent.group_by("category", "brand").aggregate(n=spent.lines.sum())
    sums = brands.group_by("category").aggregate(
        n=brands.n.sum(), squares=(brands.n.cast("decimal(38, 0)") * brands.n.cast("decimal(38, 0)")).sum()
    )
    whole = sums.n.cast("float64")
    return sums.select("category", chance=sums.squares.cast("float64") / (whole * whole))


def _entropy(spent: ir.Table, name: str) -> ir.Table:
    """Return the entropy in bits of the shares of spend by customer."""
    whole = spent.sold.sum().over(ibis.window(group_by=spent.customer_id)).cast("float64")
    share = spent.sold.cast("float64") / whole
    terms = spent.mutate(term=(-share * share.log2()).round(DIGITS).cast("decimal(18, 6)"))
    return terms.group_by("customer_id").aggregate(**{name: terms.term.sum().cast("float64")})


def _sold_products(lines: ir.Table) -> ir.Table:
    """Keep customer, product and (if present) amount of the sale lines with a product."""
    sold = lines.filter(is_sale(lines), lines.product_id.notnull())
    return sold.select("customer_id", "product_id", *(name for name in ("amount",) if name in lines.columns))
