"""How does a customer compare with others? Figures next to the medians of the segment and of all customers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

__all__ = ["COMPARED", "compare_with_group"]

# compared if the features table has them
COMPARED = (
    "recency_days", "frequency_orders", "monetary_total", "spend_per_order_mean", "gap_days_median", "tenure_days",
    "categories_distinct", "discount_share", "return_value_share",
)  # fmt: skip
LEAST_GROUP = 10  # fewest customers for a group's median


def compare_with_group(
    features: pd.DataFrame, customer_id: str, members: Sequence[str], *, columns: Sequence[str] = COMPARED
) -> pd.DataFrame:
    """Compare a customer's figures with the medians of a group and of all customers.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and columns.
    customer_id : str
    members : sequence of str
        customer_ids of the group, with or without the customer.
    columns : sequence of str
        Features to compare; those not in ``features`` are skipped.

    Returns
    -------
    DataFrame
        feature, customer, group_median, base_median, base_share_below (share of customers with a lower value, 0..1,
        equal values count half), group_n (members with a value). Missing values stay missing; with fewer than ten
        values there is no median.
    """
    customer = features.set_index("customer_id").loc[customer_id]
    group = features[features["customer_id"].isin(set(members))]
    rows = []
    for name in [column for column in columns if column in features.columns]:
        values, group_values = features[name].astype("float64").dropna(), group[name].astype("float64").dropna()
        is_known = pd.notna(customer[name]) and len(values) > 0
        below = ((values < customer[name]).mean() + (values == customer[name]).mean() / 2) if is_known else float("nan")
        rows.append({
            "feature": name, "customer": float(customer[name]) if pd.notna(customer[name]) else float("nan"),
            "group_median": float(group_values.median()) if len(group_values) >= LEAST_GROUP else float("nan"),
            "base_median": float(values.median()) if len(values) >= LEAST_GROUP else float("nan"),
            "base_share_below": round(float(below), 6), "group_n": len(group_values),
        })  # fmt: skip
    columns_out = ["feature", "customer", "group_median", "base_median", "base_share_below", "group_n"]
    return pd.DataFrame(rows, columns=columns_out)
