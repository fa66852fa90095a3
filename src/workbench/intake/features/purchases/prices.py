"""Price level and margin of each customer."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import money, ratio
from workbench.intake.features.inputs.lines import is_marked, is_sale, is_sent_back

__all__ = ["compare_with_usual_price", "describe_margin", "describe_price_level"]

EXACT = "decimal(18, 6)"


def describe_margin(lines: ir.Table, products: ir.Table) -> ir.Table:
    """Compute the margin: net spend minus the cost of the goods.

    Parameters
    ----------
    lines : ibis.Table
        Order lines of known customers; columns customer_id, product_id, quantity, amount.
    products : ibis.Table
        product_id, unit_cost (per piece). A product listed twice takes its lowest cost.

    Returns
    -------
    ibis.Table
        One row per customer with a line whose product has a cost: margin_total (money; negative where the goods cost
        more than was paid) and margin_share (of the net spend on these products; null where that is not positive).
        Lines sent back are subtracted at the same cost; lines marked as returned are ignored.
    """
    with_cost = products.filter(products.unit_cost.notnull())
    costs = with_cost.group_by("product_id").aggregate(unit_cost=with_cost.unit_cost.min())
    counted = lines.filter(lines.product_id.notnull() & lines.quantity.notnull() & lines.amount.notnull())
    if "status" in counted.columns:
        counted = counted.filter(~(is_marked(counted) & ~is_sent_back(counted)))
    joined = counted.inner_join(costs, "product_id")
    sign = ibis.ifelse(is_sent_back(joined), -1, 1)
    joined = joined.mutate(net=joined.amount.abs() * sign, cost=joined.quantity.abs() * joined.unit_cost * sign)
    sums = joined.group_by("customer_id").aggregate(net=money(joined.net.sum()), cost=money(joined.cost.sum()))
    net = ibis.ifelse(sums.net > 0, sums.net, ibis.null(sums.net.type()))
    margin = sums.net - sums.cost
    return sums.select("customer_id", margin_total=money(margin), margin_share=ratio(margin, net))


def describe_price_level(lines: ir.Table, products: ir.Table) -> ir.Table:
    """Compute the mean price percentile of a customer within the categories.

    Parameters
    ----------
    lines : ibis.Table
        Order lines of known customers; columns customer_id, product_id, amount, unit_price.
    products : ibis.Table
        product_id, category.

    Returns
    -------
    ibis.Table
        One row per customer with a priced line of a known category: price_percentile_mean (0..1), the mean over the
        lines of the share of all sale lines of the category with a lower unit price, equal ones counted half.
    """
    with_category = products.filter(products.category.notnull())
    names = with_category.group_by("product_id").aggregate(category=with_category.category.min())
    priced = _priced(lines).inner_join(names, "product_id")
    bought = priced.group_by("customer_id", "category", "unit_price").aggregate(n=priced.count())
    prices = bought.group_by("category", "unit_price").aggregate(n=bought.n.sum())
    upwards = ibis.window(group_by=prices.category, order_by=prices.unit_price, preceding=None, following=0)
    up_to, whole = prices.n.sum().over(upwards), prices.n.sum().over(ibis.window(group_by=prices.category))
    place = (2 * up_to - prices.n).cast("float64") / (2 * whole).cast("float64")
    places = prices.select("category", "unit_price", place=place.round(6).cast(EXACT))
    joined = bought.inner_join(places, ["category", "unit_price"])
    sums = joined.group_by("customer_id").aggregate(total=(joined.place * joined.n).sum(), n=joined.n.sum())
    return sums.select("customer_id", price_percentile_mean=ratio(sums.total, sums.n))


def compare_with_usual_price(lines: ir.Table) -> ir.Table:
    """Return the share of sale lines below the product's mean price, for products sold at several prices.

    Parameters
    ----------
    lines : ibis.Table
        Order lines of known customers; columns customer_id, product_id, amount, unit_price.

    Returns
    -------
    ibis.Table
        One row per customer with a line of such a product: below_usual_price_share (0..1).
    """
    priced = _priced(lines)
    bought = priced.group_by("customer_id", "product_id", "unit_price").aggregate(n=priced.count())
    usual = bought.group_by("product_id").aggregate(
        mean=(bought.unit_price * bought.n).sum(), lines=bought.n.sum(),
        lowest=bought.unit_price.min(), highest=bought.unit_price.max(),
    )  # fmt: skip
    varied = usual.filter(usual.lowest < usual.highest)
    joined = bought.inner_join(varied, "product_id")
    below = joined.unit_price * joined.lines < joined["mean"]
    sums = joined.group_by("customer_id").aggregate(below=joined.n.sum(where=below).fill_null(0), n=joined.n.sum())
    return sums.select("customer_id", below_usual_price_share=ratio(sums.below, sums.n))


def _priced(lines: ir.Table) -> ir.Table:
    sold = lines.filter(is_sale(lines), lines.product_id.notnull(), lines.unit_price > 0)
    return sold.select("customer_id", "product_id", "unit_price")
