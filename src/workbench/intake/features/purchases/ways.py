"""Purchase channel of each customer (online or shop) and use of instalments."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import ratio
from workbench.intake.features.inputs.words import INSTALMENT_WORDS, ONLINE_WORDS, STORE_WORDS, contains_any, names_any

if TYPE_CHECKING:
    from workbench.intake.features.inputs.settings import FeatureSettings

__all__ = ["describe_instalments", "describe_shopping_mode"]

PLACES = ("channel", "platform")


def describe_shopping_mode(purchases: ir.Table, settings: FeatureSettings) -> ir.Table:
    """Classify who buys online, in shops, or both.

    Parameters
    ----------
    purchases : ibis.Table
        Orders with a sale; columns customer_id and channel, platform or both.
    settings : FeatureSettings
        Its ``online_words`` and ``store_words`` extend the built-in ones. A name that matches both is online.

    Returns
    -------
    ibis.Table
        One row per customer with an order known to be online or in a shop: online_order_share (0..1, of these orders)
        and shopping_mode (online, store, mixed). The channel decides; if it matches neither, the platform does.
    """
    columns = [name for name in PLACES if name in purchases.columns]
    counted = purchases.group_by("customer_id", *columns).aggregate(orders=purchases.count())
    for column in columns:
        counted = counted.left_join(_places(counted, column, settings), column).drop(f"{column}_right")
    place = reduce(lambda first, second: first.coalesce(second), [counted[f"{column}_place"] for column in columns])
    counted = counted.mutate(place=place)
    sums = counted.group_by("customer_id").aggregate(
        online=counted.orders.sum(where=counted.place == "online").fill_null(0),
        placed_orders=counted.orders.sum(where=counted.place.notnull()),
    )
    placed = sums.filter(sums.placed_orders > 0)
    mode = ibis.cases((placed.online == placed.placed_orders, "online"), (placed.online == 0, "store"), else_="mixed")
    return placed.select(
        "customer_id", online_order_share=ratio(placed.online, placed.placed_orders), shopping_mode=mode
    )


def describe_instalments(purchases: ir.Table) -> ir.Table:
    """Return the share of orders paid by instalments: one row per customer with a known payment method."""
    with_method = purchases.filter(purchases.payment_method.notnull())
    counted = with_method.group_by("customer_id", "payment_method").aggregate(orders=with_method.count())
    methods = counted.select("payment_method").distinct()
    methods = methods.mutate(instalments=contains_any(methods.payment_method, INSTALMENT_WORDS))
    joined = counted.inner_join(methods, "payment_method")
    sums = joined.group_by("customer_id").aggregate(
        some=joined.orders.sum(where=joined.instalments).fill_null(0), orders=joined.orders.sum()
    )
    return sums.select("customer_id", instalment_order_share=ratio(sums.some, sums.orders))


def _places(counted: ir.Table, column: str, settings: FeatureSettings) -> ir.Table:
    """Classify each name of a column as online or store."""
    names = counted.filter(counted[column].notnull()).select(column).distinct()
    online = names_any(names[column], (*ONLINE_WORDS, *settings.online_words))
    store = names_any(names[column], (*STORE_WORDS, *settings.store_words))
    return names.mutate(**{f"{column}_place": ibis.cases((online, "online"), (store, "store"))})
