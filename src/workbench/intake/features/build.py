"""One row per customer as of a date. The notebook 03_build_features; 08_predict_churn at its cut-offs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce

import ibis.expr.types as ir

from workbench.core.errors import DataError, Fault, ProfileError
from workbench.intake.features.attributes import describe_attributes, registered_before
from workbench.intake.features.behaviour import describe_behaviour
from workbench.intake.features.campaigns import count_campaigns
from workbench.intake.features.exact import join_customers
from workbench.intake.features.keep import Keep
from workbench.intake.features.lines import ORDER_LABELS, known_lines
from workbench.intake.features.orders import group_orders, purchases
from workbench.intake.features.preferences import count_products, prefer_group, prefer_label
from workbench.intake.features.registry import DEFAULT_WINDOWS_DAYS, REGISTRY, available
from workbench.intake.features.rhythm import describe_rhythm, describe_times

__all__ = ["WINDOWS_DAYS", "build_features"]

WINDOWS_DAYS = DEFAULT_WINDOWS_DAYS


def build_features(
    tables: Mapping[str, ir.Table],
    *,
    as_of: date,
    windows_days: Sequence[int] = WINDOWS_DAYS,
    keep: Keep | None = None,
) -> ir.Table:
    """Describe every customer by what was known before the as-of date.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables by name (``core.schema``), all on one engine; customers, transactions, products and campaigns
        are used where present. A column that a source does not have leaves the features that need it out.
    as_of : date
        Only rows dated before its midnight feed a feature; rows without a date feed none that is dated.
    windows_days : sequence of int
        Lengths in days, from 1, of the windows ``[as_of - days, as_of)``.
    keep : callable, optional
        Executes an expression and gives the result as a table (``keeping``); used on the orders and on each group of
        features, which bounds the memory of a build over tens of millions of lines. The result is the same.

    Returns
    -------
    ibis.Table
        One row per customer, sorted by customer_id (text): the ids of customers registered before the as-of date or at
        an unknown time, and of those with any dated order line before it. Then the features of ``REGISTRY`` whose
        source columns exist, in its order, then the declared attributes of customers. A customer without any order line
        has frequency_orders 0 and the other features of transactions null; counts of campaigns are 0. Without
        ``keep`` nothing is computed until the table is executed, but for one look at text attributes of customers.

    Raises
    ------
    DataError
        If neither customers nor transactions have a customer_id.
    ProfileError
        If a window is not a whole number of days from 1, or stands twice.
    """
    _check_windows(windows_days)
    blocks = _transaction_blocks(tables, as_of=as_of, windows_days=windows_days, keep=keep or _lazily)
    everybody = _everybody(tables, blocks[:1], as_of=as_of)
    if "campaigns" in tables:
        blocks.append(count_campaigns(tables["campaigns"], as_of=as_of))
    attributes: list[str] = []
    if "customers" in tables:
        declared = describe_attributes(tables["customers"], as_of=as_of)
        blocks.append(declared)
        attributes = declared.columns[1:]
    joined = reduce(join_customers, blocks, everybody)
    features = available(tables, windows_days=windows_days)
    names = [feature.name for feature in features]
    zeros = {feature.name: joined[feature.name].fill_null(0) for feature in features if feature.counts_zero}
    chosen = ["customer_id", *names, *(name for name in attributes if name not in names)]
    return joined.mutate(**zeros).select(chosen).order_by("customer_id")


def _transaction_blocks(
    tables: Mapping[str, ir.Table], *, as_of: date, windows_days: Sequence[int], keep: Keep
) -> list[ir.Table]:
    """Give tables of one row per customer; the first names every customer with an order line."""
    transactions = tables.get("transactions")
    if transactions is None or "customer_id" not in transactions.columns:
        return []
    lines = known_lines(transactions, as_of=as_of)
    orders = keep(group_orders(lines))
    bought = purchases(orders)
    blocks = [keep(describe_behaviour(orders, as_of=as_of, windows_days=windows_days))]
    if "ordered_at" in lines.columns:
        blocks += [keep(describe_rhythm(bought)), keep(describe_times(bought))]
    blocks += [keep(_registered(prefer_label(bought, label))) for label in ORDER_LABELS if label in lines.columns]
    if "product_id" in lines.columns:
        blocks.append(keep(count_products(lines)))
        products = tables.get("products")
        groups = [group for group in ("category", "brand") if products is not None and group in products.columns]
        blocks += [keep(_registered(prefer_group(lines, products, group))) for group in groups]
    return blocks


def _registered(block: ir.Table) -> ir.Table:
    """Keep what becomes a feature, so that nothing else is computed."""
    return block.select("customer_id", *(name for name in block.columns if name in REGISTRY))


def _lazily(table: ir.Table) -> ir.Table:
    return table


def _everybody(tables: Mapping[str, ir.Table], behaviour: Sequence[ir.Table], *, as_of: date) -> ir.Table:
    """Name every customer once."""
    parts = [block.select("customer_id") for block in behaviour]
    if "customers" in tables:
        parts.append(registered_before(tables["customers"], as_of=as_of))
    if not parts:
        raise DataError(
            Fault(
                "build_features",
                f"no customers among the tables {sorted(tables)}",
                "customers, or transactions with a customer_id",
                "map customer_id in a source of the profile",
            )
        )
    return reduce(lambda left, right: left.union(right, distinct=True), parts)


def _check_windows(windows_days: Sequence[int]) -> None:
    wrong = [days for days in windows_days if not isinstance(days, int) or isinstance(days, bool) or days < 1]
    if wrong or len(set(windows_days)) != len(windows_days):
        raise ProfileError(
            Fault(
                "03_build_features.windows_days",
                f"windows_days is {list(windows_days)}",
                "Expected whole numbers of days from 1, each once",
                "for example [30, 90, 365]",
            )
        )
