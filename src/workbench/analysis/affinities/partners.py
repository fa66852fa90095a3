"""Partners and substitutes of each item, and the days between their purchases. Serves 07_mine_affinities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from workbench.analysis.affinities.hierarchy import holds_pair
from workbench.analysis.affinities.significance import lift_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis

    from workbench.analysis.affinities.baskets import Baskets

__all__ = ["AFFINITY_COLUMNS", "add_days_between", "bundle_partners", "find_partners", "map_items"]

AFFINITY_COLUMNS = ("item", "other", "level", "baskets", "lift", "lift_low", "lift_high", "days_between")
MOST_ITEMS = 1_000  # number of most frequent items that are compared
_PARTNERS = 5  # most partners per item and direction (positive, negative)
_NO_PAIRS = np.zeros(0, dtype=np.int64)


def find_partners(
    baskets: Baskets, *, least: int, most_items: int = MOST_ITEMS, contained: np.ndarray = _NO_PAIRS
) -> pd.DataFrame:
    """Find the strongest positive and negative partners of the most frequent items.

    Parameters
    ----------
    baskets : Baskets
    least : int
        Fewest baskets of an item. A positive partner needs at least as many joint baskets, a negative partner at least
        as many expected joint baskets.
    most_items : int
    contained : ndarray, optional
        Pairs of items that contain each other, from `hierarchy.contained_pairs`; they are not partners.

    Returns
    -------
    DataFrame
        ``AFFINITY_COLUMNS`` without days_between, and leverage. Per item, up to five partners with a lift interval
        above 1 and up to five below 1, the strongest leverage first. Without joint baskets lift is 0 and the interval
        is missing; such a pair counts as substitutes if at least ``least`` joint baskets were expected.
    """
    frequent = np.flatnonzero(baskets.counts >= least)
    frequent = np.sort(frequent[np.argsort(-baskets.counts[frequent], kind="stable")][:most_items])
    if len(frequent) < 2:  # noqa: PLR2004  a pair
        return pd.DataFrame(columns=[*AFFINITY_COLUMNS[:-1], "leverage"])
    frequent_matrix = sparse.csr_array(baskets.matrix[:, frequent])
    joint = np.asarray((frequent_matrix.T @ frequent_matrix).todense(), dtype=np.int64)
    first, second = np.divmod(np.arange(len(frequent) ** 2), len(frequent))
    both, counts, n = joint.ravel(), baskets.counts[frequent], baskets.n
    expected = counts[first] * counts[second] / n
    low, high = lift_interval(both, counts[first], counts[second], n)
    together = (both >= least) & (low > 1)
    apart = (expected >= least) & ((high < 1) | (both == 0))
    pairs = np.column_stack([frequent[first], frequent[second]])
    defined = holds_pair(pairs, contained, len(baskets.items))
    selected = np.flatnonzero((first != second) & (together | apart) & ~defined)
    table = pd.DataFrame({
        "first": first[selected], "second": second[selected], "together": together[selected], "baskets": both[selected],
        "lift": both[selected] / expected[selected], "lift_low": low[selected], "lift_high": high[selected],
        "leverage": (both[selected] - expected[selected]) / n,
    })  # fmt: skip
    strength = table["leverage"].abs()
    table = table.assign(strength=strength).sort_values(["strength", "first", "second"], ascending=[False, True, True])
    table = table.groupby(["first", "together"], sort=False).head(_PARTNERS)
    items, levels = (np.array(names, dtype=object)[frequent] for names in (baskets.items, baskets.levels))
    sides = [levels[table["first"]], levels[table["second"]]]
    table = table.assign(
        item=items[table["first"]], other=items[table["second"]],
        level=[one if one == two else "+".join(sorted((one, two))) for one, two in zip(*sides, strict=True)],
    )  # fmt: skip
    table = table.sort_values(["item", "together", "strength", "other"], ascending=[True, False, False, True])
    return table.reset_index(drop=True)[[*AFFINITY_COLUMNS[:-1], "leverage"]]


def bundle_partners(partners: pd.DataFrame, item: str, *, most: int = _PARTNERS) -> pd.DataFrame:
    """Return the partners to bundle with a product, the highest leverage (additional joint baskets) first."""
    own = partners[(partners["item"] == item) & (partners["leverage"] > 0)]
    return own.sort_values(["leverage", "other"], ascending=[False, True]).head(most).reset_index(drop=True)


def add_days_between(partners: pd.DataFrame, first_days: ibis.Table | None, *, least: int) -> pd.DataFrame:
    """Add the median days from the first purchase of an item to the first of its partner.

    Parameters
    ----------
    partners : DataFrame
        From `find_partners`.
    first_days : ibis.Table or None
        customer_id, item, day: the first purchase of each item; None without customers or dates.
    least : int
        Smallest number of customers who bought the partner on a later day.

    Returns
    -------
    DataFrame
        With days_between (missing with fewer than ``least`` customers), after (customers who bought the partner later)
        and before (customers who bought it earlier).
    """
    if first_days is None or partners.empty:
        return partners.assign(days_between=np.nan, after=0, before=0)
    import ibis  # noqa: PLC0415

    pairs = ibis.memtable(partners[["item", "other"]].drop_duplicates().astype("object"))
    item_days = first_days.select("customer_id", "item", item_day=first_days.day)
    other_days = first_days.select("customer_id", other=first_days["item"], other_day=first_days.day)
    both = pairs.inner_join(item_days, "item").inner_join(other_days, ["customer_id", "other"])
    days = both.other_day.delta(both.item_day, unit="day")
    counted = both.group_by("item", "other").aggregate(
        after=(days > 0).sum(), before=(days < 0).sum(), days_between=days.median(where=days > 0)
    )
    merged = partners.merge(counted.to_pandas(), on=["item", "other"], how="left")
    merged = merged.fillna({"after": 0, "before": 0}).astype({"after": "int64", "before": "int64"})
    return merged.assign(days_between=merged["days_between"].where(merged["after"] >= least))


def map_items(partners: pd.DataFrame, counts: Mapping[str, int], *, most: int = 30) -> list[str]:
    """Choose the items of the affinity map: those of the strongest pairs, at most ``most``, by frequency."""
    strongest = partners.assign(strength=partners["leverage"].abs()).sort_values(
        ["strength", "item", "other"], ascending=[False, True, True]
    )
    chosen: dict[str, None] = {}
    for pair in zip(strongest["item"], strongest["other"], strict=True):
        if len(chosen.keys() | set(pair)) > most:
            break
        chosen |= dict.fromkeys(pair)
    return sorted(chosen, key=lambda item: (-counts[item], item))
