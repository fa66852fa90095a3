"""The few facts that set a group apart: for the persona card, the emblem and the sentence, none of them invented."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from workbench.analysis.portraits.blocks import block_of

__all__ = ["EMBLEM_TRAITS", "emblem_traits", "most_telling_facts"]

# what the petals of an emblem stand for, clockwise from the top; the first that is known of each
EMBLEM_TRAITS = (
    ("recency_days",),
    ("frequency_orders",),
    ("monetary_total",),
    ("spend_per_order_mean",),
    ("categories_distinct", "products_distinct"),
    ("discount_share", "promotion_spend_share", "discounted_line_share"),
    ("weekend_share", "evening_share"),
    ("online_order_share", "sessions"),
)
LEAST_EFFECT = 0.1  # half of what Cohen calls small
BASE_TGI = 100
TURNED = ("recency_days",)  # a small value is the longer petal: recent


def most_telling_facts(
    portrait: pd.DataFrame, group: str, *, most: int = 3, known_already: Collection[str] = ()
) -> pd.DataFrame:
    """Pick the differences from the base that tell most about a group.

    Parameters
    ----------
    portrait : DataFrame
        From `workbench.analysis.portraits.groups.portray_groups`.
    group : str
    most : int
        Facts at most.
    known_already : collection of str
        Variables the group was made of; they and what belongs to the same block come last, since they hold by
        construction.

    Returns
    -------
    DataFrame
        Rows of ``portrait`` that hold after adjustment for the number of tests, one per variable, at most one per block
        while other blocks have any: shares with a TGI above 100 first, then numbers, then other shares; within each
        the largest effect first, ties in table order. Effects below `LEAST_EFFECT` tell nothing, nor does a number
        whose median is that of the base. May be fewer than ``most``, or none.
    """
    held = portrait[(portrait["group"] == group) & portrait["differs"].astype(bool)]
    held = held[(held["effect"].abs() >= LEAST_EFFECT) & ~(held["median"] == held["base_median"])]
    kind = np.select([held["tgi"] > BASE_TGI, held["kind"] == "numeric"], [0, 1], default=2)
    blocks = {block_of(name) for name in known_already}
    rank = {"known": held["block"].isin(blocks), "kind": kind, "far": -held["effect"].abs()}
    ordered = held.loc[pd.DataFrame(rank).sort_values(["known", "kind", "far"], kind="stable").index]
    ordered = ordered.drop_duplicates("variable")
    again = ordered.duplicated("block").astype(int)
    spread = ordered.loc[again.sort_values(kind="stable").index]
    return spread.head(most).reset_index(drop=True)


def emblem_traits(portrait: pd.DataFrame, group: str) -> pd.DataFrame:
    """Return the standardised differences that an emblem is drawn from.

    Parameters
    ----------
    portrait : DataFrame
        From `workbench.analysis.portraits.groups.portray_groups`.
    group : str

    Returns
    -------
    DataFrame
        variable, effect (standard deviations from the base; turned round for recency, so that more is always further
        out), differs; one row per trait of `EMBLEM_TRAITS` known of the group, or, where none is, per number known of
        it, by name, no more of them than there are traits.
    """
    numbers = portrait[(portrait["group"] == group) & (portrait["kind"] == "numeric") & portrait["effect"].notna()]
    by_name = numbers.drop_duplicates("variable").set_index("variable")
    chosen = [next((name for name in names if name in by_name.index), None) for names in EMBLEM_TRAITS]
    kept = [name for name in chosen if name] or sorted(by_name.index)[: len(EMBLEM_TRAITS)]
    kept = by_name.loc[kept].reset_index()
    effect = kept["effect"].where(~kept["variable"].isin(TURNED), -kept["effect"])
    return kept.assign(effect=effect)[["variable", "effect", "differs"]]
