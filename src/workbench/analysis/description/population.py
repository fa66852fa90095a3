"""How many customers are there, how many have data, and how many buy again? For 04_describe_customers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.intervals import wilson
from workbench.analysis.purchases import has_purchases

__all__ = ["declared_attributes", "population", "repeat_rate"]


def declared_attributes(features: pd.DataFrame, customers: ibis.Table | None) -> list[str]:
    """List the features that are columns of ``customers`` (declared attributes), in the order of features."""
    customer_columns = set() if customers is None else set(customers.columns)
    return [name for name in features.columns if name in customer_columns and name != "customer_id"]


def population(
    features: pd.DataFrame,
    transactions: ibis.Table | None = None,
    *,
    as_of: date,
    attributes: Sequence[str] = (),
) -> pd.DataFrame:
    """Count customers by available data.

    Parameters
    ----------
    features : DataFrame, one row per customer
        frequency_orders, campaigns_sent and the attributes, where present.
    transactions : ibis.Table, optional
        Order lines; lines without customer or date are counted.
    as_of : date
        Only order lines before this day are counted.
    attributes : sequence of str
        Declared attributes of customers; a customer counts as having data with at least one of them.

    Returns
    -------
    DataFrame, one row per step
        step, unit (customers or lines), n, share (of all customers, or of all lines), share_low, share_high (95 %,
        Wilson; customers only). Steps: known, with_purchase, with_repeat_purchase, with_attributes,
        with_purchase_and_attributes, with_campaigns; lines, lines_without_customer, lines_without_date. Steps
        without their columns are left out.
    """
    all_customers = pd.Series(True, index=features.index)
    steps = {"known": all_customers}
    has_attributes = features[[name for name in attributes if name in features]].notna().any(axis=1)
    if "frequency_orders" in features:
        orders = features["frequency_orders"].astype("float64").fillna(0)
        steps |= {"with_purchase": orders > 0, "with_repeat_purchase": orders > 1}
    if attributes:
        steps["with_attributes"] = has_attributes
        if "with_purchase" in steps:
            steps["with_purchase_and_attributes"] = has_attributes & steps["with_purchase"]
    if "campaigns_sent" in features:
        steps["with_campaigns"] = features["campaigns_sent"].astype("float64").fillna(0) > 0
    counts = np.array([int(flags.sum()) for flags in steps.values()])
    low, high = wilson(counts, len(features))
    table = pd.DataFrame({"step": list(steps), "unit": "customers", "n": counts})
    share = counts / len(features) if len(features) else np.nan
    table = table.assign(share=share, share_low=low, share_high=high)
    return pd.concat([table, _count_lines(transactions, as_of)], ignore_index=True)


def repeat_rate(features: pd.DataFrame) -> dict[str, float]:
    """Return the share of buyers who bought more than once.

    Parameters
    ----------
    features : DataFrame, one row per customer
        frequency_orders. Customers without an order are not counted; without the column nobody is.

    Returns
    -------
    dict
        customers (who bought), repeaters, share, low, high (95 %, Wilson; NaN without customers).
    """
    orders = features.reindex(columns=["frequency_orders"])["frequency_orders"].astype("float64").fillna(0)
    customers, repeaters = int((orders > 0).sum()), int((orders > 1).sum())
    low, high = wilson(repeaters, customers)
    share = repeaters / customers if customers else np.nan
    return {
        "customers": customers,
        "repeaters": repeaters,
        "share": share,
        "low": float(low),
        "high": float(high),
    }


def _count_lines(transactions: ibis.Table | None, as_of: date) -> pd.DataFrame | None:
    if not has_purchases(transactions):
        return None
    before_as_of = transactions.ordered_at.isnull() | (transactions.ordered_at < ibis.literal(pd.Timestamp(as_of)))
    lines = transactions.filter(before_as_of)
    totals = lines.aggregate(
        lines=lines.count(),
        lines_without_customer=lines.customer_id.isnull().sum(),
        lines_without_date=lines.ordered_at.isnull().sum(),
    ).to_pandas()
    n = totals.iloc[0].fillna(0).astype("int64")
    table = pd.DataFrame({"step": n.index.astype("str"), "unit": "lines", "n": n.to_numpy()})
    return table.assign(share=table["n"] / n["lines"] if n["lines"] else np.nan, share_low=np.nan, share_high=np.nan)
