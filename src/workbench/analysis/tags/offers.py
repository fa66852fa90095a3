"""Columns from recommendations and declared preferences (likes), one row per customer. Serves 12_tag_customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from workbench.analysis.affinities.baskets import bought_lines
from workbench.analysis.tags.columns import LIKES
from workbench.intake.features.inputs.exact import DIGITS
from workbench.intake.features.purchases.preferences import PSEUDO_LINES

if TYPE_CHECKING:
    from datetime import date

__all__ = ["Likes", "likes_of", "offers_of"]

_SHARE = '"share": ([0-9.e-]+)'  # the share in the evidence of a recommendation
_NEEDED = {"customer_id", "product_id"}

Likes = Mapping[str, Mapping[str, Sequence[str]]]


def offers_of(tables: Mapping[str, ir.Table]) -> ir.Table | None:
    """Summarise the list of new items of each customer.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        recommendations and, where items are products, products with their category.

    Returns
    -------
    ibis.Table or None
        customer_id, next_category (the category of most new items, ties by the best rank, then by name),
        next_category_items (new items in it), cross_sell_share (0..1: mean over new items of the share of buyers of a
        bought item who also bought the new item; missing without such shares). None without recommendations.
    """
    if "recommendations" not in tables:
        return None
    rows = tables["recommendations"]
    rows = rows.filter(rows["list"] == "new")
    share = rows.evidence.re_extract(_SHARE, 1).nullif("").cast("float64")
    shares = rows.mutate(share=share).group_by("customer_id").aggregate(cross_sell_share=share.mean().round(DIGITS))
    with_category = _with_category(rows, tables.get("products"))
    if with_category is None:
        return shares
    counted = with_category.group_by("customer_id", "category").aggregate(
        n=with_category.count(), best=with_category["rank"].min()
    )
    order = ibis.window(
        group_by=counted.customer_id, order_by=[ibis.desc(counted.n), counted.best, counted.category]
    )  # fmt: skip
    first = counted.mutate(place=ibis.row_number().over(order))
    first = first.filter(first.place == 0)
    leading = first.select(key=first.customer_id, next_category=first.category, next_category_items=first.n)
    return shares.left_join(leading, shares.customer_id == leading.key).drop("key")


def likes_of(tables: Mapping[str, ir.Table], likes: Likes, *, as_of: date) -> ir.Table | None:
    """Measure how much more often than average a customer buys the products of each declared preference (like).

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions and products.
    likes : mapping
        Name to a mapping of one column of products to its values.
    as_of : date
        Only order lines before this date are read.

    Returns
    -------
    ibis.Table or None
        customer_id and per like ``likes_<name>_lines`` (order lines with its products) and ``likes_<name>_lift``: their
        share of the customer's lines relative to their share p of all lines, ``((lines of it + 5 p) / (lines + 5)) /
        p``, which shrinks towards 1 for customers with few lines; missing if nobody bought such products. None without
        likes, order lines of customers, or products.
    """
    lines, products = tables.get("transactions"), tables.get("products")
    if lines is None or products is None or not set(lines.columns) >= _NEEDED:
        return None
    measured = {name: rule for name, rule in likes.items() if set(rule) <= set(products.columns)}
    if not measured:
        return None
    flags = {name: _has_value(products, rule) for name, rule in measured.items()}
    marked = products.select("product_id", **{name: flag.cast("int64") for name, flag in flags.items()})
    bought = bought_lines(lines.filter(lines.customer_id.notnull()), as_of=as_of).select("customer_id", "product_id")
    joined = bought.left_join(marked, "product_id")
    counts = joined.group_by("customer_id").aggregate(
        all_lines=joined.count(), **{name: joined[name].fill_null(0).sum() for name in measured}
    )
    everybody = ibis.window()
    columns: dict[str, ir.Value] = {}
    for name in measured:
        share = counts[name].sum().over(everybody) / counts.all_lines.sum().over(everybody)
        lift = (counts[name] + PSEUDO_LINES * share) / ((counts.all_lines + PSEUDO_LINES) * share.nullif(0))
        columns |= {f"{LIKES}{name}_lift": lift.round(DIGITS), f"{LIKES}{name}_lines": counts[name]}
    return counts.select("customer_id", **columns)


def _has_value(products: ir.Table, rule: Mapping[str, Sequence[str]]) -> ir.BooleanValue:
    """Return for every product whether one of the columns has one of the values."""
    conditions = [products[column].cast("string").isin([*values]) for column, values in rule.items()]
    return ibis.or_(*conditions).fill_null(False)


def _with_category(rows: ir.Table, products: ir.Table | None) -> ir.Table | None:
    """Return the rows with the category of their item; None if no category is known."""
    direct_category = rows.category.cast("string")
    if products is None or "category" not in products.columns:
        return rows.select("customer_id", "rank", category=direct_category).filter(
            lambda table: table.category.notnull()
        )
    one_each = products.group_by("product_id").aggregate(of_product=products.category.cast("string").min())
    joined = rows.select(
        "customer_id", "rank", product_id=rows.product_id.cast("string"), own=direct_category
    ).left_join(one_each, "product_id")
    with_category = joined.select("customer_id", "rank", category=ibis.coalesce(joined.own, joined.of_product))
    return with_category.filter(with_category.category.notnull(), with_category.category != "")
