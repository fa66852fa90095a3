"""The portrait of a group: its size, its value, and its differences from the base.

A group is a segment, an audience, or the customers with a tag. `mark_members` splits all customers into the members of
a group and the rest. Used by 06_segment_customers for segments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.description.differences import DIFFERENCE_COLUMNS, compare_counts, compare_variables, settle
from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.analysis.portraits.blocks import BLOCKS, block_of
from workbench.analysis.privacy.suppression import DOMINANCE, small_cells
from workbench.core.errors import DataError, Fault

if TYPE_CHECKING:
    from workbench.analysis.portraits.purchases import Buyers

__all__ = ["DOMINANCE", "MEMBERS", "PORTRAIT_COLUMNS", "REST", "group_sizes", "mark_members", "portray_groups"]

MEMBERS, REST = "members", "rest"
GROUP = "group"
PORTRAIT_COLUMNS = ("block", *(name for name in DIFFERENCE_COLUMNS if name != "group_by"))
VALUE = "monetary_total"


def mark_members(features: pd.DataFrame, customer_ids: Iterable[str]) -> pd.DataFrame:
    """Split all customers into members of a group and the rest.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id.
    customer_ids : iterable of str
        The members.

    Returns
    -------
    DataFrame
        customer_id, group (`MEMBERS` or `REST`), sorted by customer_id.

    Raises
    ------
    DataError
        When a member is not a customer.
    """
    members = pd.Index(customer_ids).unique()
    customer_ids_sorted = features["customer_id"].sort_values(ignore_index=True)
    unknown = members.difference(customer_ids_sorted)
    if len(unknown):
        problem = f"{len(unknown)} members are not customers of this base, such as '{unknown[0]}'"
        raise DataError(Fault("mark_members", problem, "ids of the features table", "Use the customer_id of features"))
    return pd.DataFrame(
        {"customer_id": customer_ids_sorted, GROUP: np.where(customer_ids_sorted.isin(members), MEMBERS, REST)}
    )


def group_sizes(
    features: pd.DataFrame, groups: pd.DataFrame, *, keys: Sequence[str] | None = None, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Count each group, with its share of customers and of net spend.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and, where present, monetary_total.
    groups : DataFrame
        customer_id, group; one row per customer.
    keys : sequence of str, optional
        Groups in the order of the result; default: the largest first, ties by name. Empty groups have a row.
    least : int
        Groups of 1 to ``least`` - 1 customers are suppressed, with a further one to prevent recovery by subtraction.

    Returns
    -------
    DataFrame
        group, n, share, low, high (95 %, Wilson), value_share (of net spend), dominated, suppressed. value_share is
        missing if total spend is not above 0, or if one customer has more than `DOMINANCE` of the group's spend. If the
        value of only one group is hidden, a second one is hidden to prevent recovery by subtraction.
    """
    table = groups.merge(features.reindex(columns=["customer_id", VALUE]), on="customer_id", how="left")
    counts = table[GROUP].value_counts()
    order = list(keys) if keys is not None else sorted(counts.index, key=lambda name: (-counts[name], name))
    n = counts.reindex(order).fillna(0).astype("int64")
    hidden = small_cells(n.to_frame("n"), least=least, name="groups")["n"]
    spend = table.assign(spend=table[VALUE].astype("float64").fillna(0.0)).sort_values(["spend", "customer_id"])
    sums = spend.groupby(GROUP)["spend"].agg(["sum", "max"]).reindex(order)
    dominated = ((sums["max"] > DOMINANCE * sums["sum"]) & (n > 0)).fillna(False)
    total = float(sums["sum"].sum())
    value = sums["sum"].fillna(0.0) / total if VALUE in features and total > 0 else pd.Series(np.nan, index=n.index)
    low, high = wilson(n, np.full(len(n), len(table)))
    results = pd.DataFrame(
        {"share": n / max(len(table), 1), "low": low, "high": high, "value_share": value}, index=n.index
    ).mask(hidden)
    results["value_share"] = results["value_share"].mask(_cover_one(dominated | hidden, value))
    table = results.assign(n=n.astype("Int64").mask(hidden), dominated=dominated.astype(bool), suppressed=hidden)
    names = [GROUP, "n", "share", "low", "high", "value_share", "dominated", "suppressed"]
    return table.rename_axis(GROUP).reset_index()[names].astype({GROUP: "str"})


def portray_groups(
    features: pd.DataFrame,
    groups: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    buyers: Sequence[Buyers] = (),
    top_values: int = 12,
    least: int = SMALL_CELL,
) -> pd.DataFrame:
    """Compare each group with the base on all variables.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and the variables, including joined scores and stages.
    groups : DataFrame
        customer_id, group. The base is all customers with a group.
    columns : sequence of str, optional
        Variables to compare; default: all numbers and categories.
    buyers : sequence of Buyers
        Buyers by group and value (`workbench.analysis.portraits.purchases.count_buyers`), compared as shares.
    top_values : int
        Most values of a category.
    least : int
        Cells of 1 to ``least`` - 1 customers are suppressed, with further cells to prevent recovery by subtraction.

    Returns
    -------
    DataFrame, `PORTRAIT_COLUMNS`
        One row per group and number, or group, category and value, as from `differences_from_base`, sorted by block in
        the order of `BLOCKS`. Shares and TGI (100 x share / base share, undefined where the base share is 0) exclude
        customers without a value. q_values are adjusted over all rows.
    """
    features_by_group = features.drop(columns=GROUP, errors="ignore").merge(
        groups[["customer_id", GROUP]], on="customer_id"
    )
    blocks = compare_variables(features_by_group, by=[GROUP], columns=columns, top_values=top_values, least=least)
    for bought in buyers:
        block = compare_counts(
            bought.counts, bought.sizes, top_values=top_values, least=least, exclusive=False, name="bought by group"
        )
        blocks.append(block.assign(group_by=GROUP, variable=bought.variable, kind="bought"))
    table = settle(blocks, [GROUP])
    table = table.assign(block=table["variable"].map(block_of).astype("str"))
    block_order = {name: position for position, name in enumerate(BLOCKS)}
    table = table.sort_values("block", key=lambda names: names.map(block_order), kind="stable", ignore_index=True)
    return table[list(PORTRAIT_COLUMNS)]


def _cover_one(hidden: pd.Series, value: pd.Series) -> pd.Series:
    """If only one value is hidden, hide the smallest visible one too, ties in order."""
    if hidden.sum() != 1 or hidden.all():
        return hidden
    second = value.mask(hidden).fillna(np.inf).idxmin()
    return hidden | (hidden.index == second)
