"""The portrait of a group: how large it is, what it is worth, and how it differs from the base, trait by trait.

A group is whatever has members: a segment, an audience, the customers with a tag. `mark_members` turns a list of
customers into a group and its rest. Used by 06 for segments; a portrait of the whole base is 04's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.description.differences import DIFFERENCE_COLUMNS, compare_counts, compare_variables, settle
from workbench.analysis.intervals import SMALL_CELL, small_cells, wilson
from workbench.analysis.portraits.blocks import BLOCKS, block_of
from workbench.core.errors import DataError, Fault

if TYPE_CHECKING:
    from workbench.analysis.portraits.purchases import Buyers

__all__ = ["DOMINANCE", "MEMBERS", "PORTRAIT_COLUMNS", "REST", "group_sizes", "mark_members", "portray_groups"]

MEMBERS, REST = "members", "rest"
DOMINANCE = 0.8  # share of a group's spend held by one customer, from which the sum would give her away
GROUP = "group"
PORTRAIT_COLUMNS = ("block", *(name for name in DIFFERENCE_COLUMNS if name != "group_by"))
VALUE = "monetary_total"


def mark_members(features: pd.DataFrame, customer_ids: Iterable[str]) -> pd.DataFrame:
    """Part all customers into members of a group and the rest.

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
        When a member is no customer.
    """
    members = pd.Index(customer_ids).unique()
    known = features["customer_id"].sort_values(ignore_index=True)
    strangers = members.difference(known)
    if len(strangers):
        found = f"{len(strangers)} members are no customers of this base, such as '{strangers[0]}'"
        raise DataError(Fault("mark_members", found, "ids of the features table", "Use the customer_id of features"))
    return pd.DataFrame({"customer_id": known, GROUP: np.where(known.isin(members), MEMBERS, REST)})


def group_sizes(
    features: pd.DataFrame, groups: pd.DataFrame, *, keys: Sequence[str] | None = None, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Count each group, and what share of customers and of net spend it holds.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and, where it exists, monetary_total.
    groups : DataFrame
        customer_id, group; one row per customer.
    keys : sequence of str, optional
        Groups in the order wanted; default: the largest first, ties by name. A key without customers has a row.
    least : int
        Groups of 1 to ``least`` - 1 customers are suppressed, and what would give them away.

    Returns
    -------
    DataFrame
        group, n, share, low, high (95 %, Wilson), value_share (of net spend), dominated, suppressed. value_share is
        missing without spend, where all spend is not above 0, and where one customer holds more than `DOMINANCE` of it;
        that and a suppressed group also hide the value of a second group, which subtraction would need.
    """
    table = groups.merge(features.reindex(columns=["customer_id", VALUE]), on="customer_id", how="left")
    counts = table[GROUP].value_counts()
    order = list(keys) if keys is not None else sorted(counts.index, key=lambda name: (-counts[name], name))
    n = counts.reindex(order).fillna(0).astype("int64")
    hidden = small_cells(n.to_frame("n"), least=least)["n"]
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
    """Compare each group with the base in everything that is known.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and the variables; scores and stages of other tables may be joined.
    groups : DataFrame
        customer_id, group. The base is everybody who has one.
    columns : sequence of str, optional
        Variables to compare; default: all numbers and categories.
    buyers : sequence of Buyers
        Who bought what in each group (`workbench.analysis.portraits.purchases.count_buyers`), compared as shares.
    top_values : int
        Values compared of a category.
    least : int
        Cells of 1 to ``least`` - 1 customers are suppressed, and what would give them away.

    Returns
    -------
    DataFrame, `PORTRAIT_COLUMNS`
        One row per group and number, or group, category and value, as `differences_from_base` gives them, sorted by
        block, in the order of `BLOCKS`. Shares and TGI (100 x share / base share, undefined where the base share is
        0) leave out those for whom the variable is unknown. One false-discovery rate over all rows.
    """
    known = features.drop(columns=GROUP, errors="ignore").merge(groups[["customer_id", GROUP]], on="customer_id")
    blocks = compare_variables(known, by=[GROUP], columns=columns, top_values=top_values, least=least)
    for each in buyers:
        block = compare_counts(each.counts, each.sizes, top_values=top_values, least=least, exclusive=False)
        blocks.append(block.assign(group_by=GROUP, variable=each.variable, kind="bought"))
    table = settle(blocks, [GROUP])
    table = table.assign(block=table["variable"].map(block_of).astype("str"))
    place = {name: at for at, name in enumerate(BLOCKS)}
    table = table.sort_values("block", key=lambda names: names.map(place), kind="stable", ignore_index=True)
    return table[list(PORTRAIT_COLUMNS)]


def _cover_one(hidden: pd.Series, value: pd.Series) -> pd.Series:
    """Hide a second value where one alone is hidden: the smallest shown, ties in order."""
    if hidden.sum() != 1 or hidden.all():
        return hidden
    cover = value.mask(hidden).fillna(np.inf).idxmin()
    return hidden | (hidden.index == cover)
