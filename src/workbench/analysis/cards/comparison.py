"""How does a customer stand among others? Her figures beside the medians of her segment and of everybody."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

__all__ = ["COMPARED", "compare_with_group"]

# figures that are compared where the base has them
COMPARED = (
    "recency_days", "frequency_orders", "monetary_total", "spend_per_order_mean", "gap_days_median", "tenure_days",
    "categories_distinct", "discount_share", "return_value_share",
)  # fmt: skip
LEAST_GROUP = 10  # customers below which a group's median is not told


def compare_with_group(
    features: pd.DataFrame, customer_id: str, members: Sequence[str], *, columns: Sequence[str] = COMPARED
) -> pd.DataFrame:
    """Set a customer's figures beside the medians of a group and of the base.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and columns.
    customer_id : str
    members : sequence of str
        Customers of the group, the customer among them or not.
    columns : sequence of str
        Those the base lacks are left out.

    Returns
    -------
    DataFrame
        feature, customer, group_median, base_median, base_share_below (share of customers with a lower value, 0..1,
        equal ones counted half), group_n (members for whom it is known). Missing values stay missing; the median of a
        group of fewer than ten is not told.
    """
    own = features.set_index("customer_id").loc[customer_id]
    group = features[features["customer_id"].isin(set(members))]
    rows = []
    for name in [each for each in columns if each in features.columns]:
        values, inside = features[name].astype("float64").dropna(), group[name].astype("float64").dropna()
        known = pd.notna(own[name]) and len(values) > 0
        below = ((values < own[name]).mean() + (values == own[name]).mean() / 2) if known else float("nan")
        rows.append({
            "feature": name, "customer": float(own[name]) if pd.notna(own[name]) else float("nan"),
            "group_median": float(inside.median()) if len(inside) >= LEAST_GROUP else float("nan"),
            "base_median": float(values.median()) if len(values) >= LEAST_GROUP else float("nan"),
            "base_share_below": round(float(below), 6), "group_n": len(inside),
        })  # fmt: skip
    columns_out = ["feature", "customer", "group_median", "base_median", "base_share_below", "group_n"]
    return pd.DataFrame(rows, columns=columns_out)
