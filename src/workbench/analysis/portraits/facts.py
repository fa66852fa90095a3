"""The most distinctive facts of a group, for the persona card, the emblem and the sentence."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from workbench.analysis.portraits.blocks import block_of

__all__ = ["EMBLEM_TRAITS", "emblem_traits", "most_distinctive_facts"]

# petals of an emblem, clockwise from the top: for each the first variable present is shown
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
LEAST_EFFECT = 0.1  # smallest effect shown: half of a small effect by Cohen
BASE_TGI = 100
TURNED = ("recency_days",)  # sign reversed: recent customers get long petals


def most_distinctive_facts(
    portrait: pd.DataFrame, group: str, *, max_facts: int = 3, defining_variables: Collection[str] = ()
) -> pd.DataFrame:
    """Select the most distinctive differences of a group from the base.

    Parameters
    ----------
    portrait : DataFrame
        From `workbench.analysis.portraits.groups.portray_groups`.
    group : str
    max_facts : int
        Most facts.
    defining_variables : collection of str
        Variables that define the group. They and all variables of the same blocks come last, since they differ by
        construction.

    Returns
    -------
    DataFrame
        Significant rows of ``portrait``, one per variable; each block has one row before any block has two. Shares with
        a TGI above 100 come first, then numbers, then other shares, each sorted by the largest effect, ties in table
        order. Effects below `LEAST_EFFECT`, and numbers with the same median as the base, are skipped. May be empty.
    """
    significant = portrait[(portrait["group"] == group) & portrait["differs"].astype(bool)]
    significant = significant[
        (significant["effect"].abs() >= LEAST_EFFECT) & ~(significant["median"] == significant["base_median"])
    ]
    kind = np.select([significant["tgi"] > BASE_TGI, significant["kind"] == "numeric"], [0, 1], default=2)
    blocks = {block_of(name) for name in defining_variables}
    rank = {"defining": significant["block"].isin(blocks), "kind": kind, "effect": -significant["effect"].abs()}
    ordered = significant.loc[pd.DataFrame(rank).sort_values(["defining", "kind", "effect"], kind="stable").index]
    ordered = ordered.drop_duplicates("variable")
    is_repeat_block = ordered.duplicated("block").astype(int)
    interleaved = ordered.loc[is_repeat_block.sort_values(kind="stable").index]
    return interleaved.head(max_facts).reset_index(drop=True)


def emblem_traits(portrait: pd.DataFrame, group: str) -> pd.DataFrame:
    """Return the standardised differences shown by an emblem.

    Parameters
    ----------
    portrait : DataFrame
        From `workbench.analysis.portraits.groups.portray_groups`.
    group : str

    Returns
    -------
    DataFrame
        variable, effect (standard deviations from the base; sign reversed for recency), differs; one row per trait of
        `EMBLEM_TRAITS` with a value in the group; without any, one row per number by name, at most as many as traits.
    """
    numbers = portrait[(portrait["group"] == group) & (portrait["kind"] == "numeric") & portrait["effect"].notna()]
    by_name = numbers.drop_duplicates("variable").set_index("variable")
    chosen = [next((name for name in names if name in by_name.index), None) for names in EMBLEM_TRAITS]
    names = [name for name in chosen if name] or sorted(by_name.index)[: len(EMBLEM_TRAITS)]
    traits = by_name.loc[names].reset_index()
    effect = traits["effect"].where(~traits["variable"].isin(TURNED), -traits["effect"])
    return traits.assign(effect=effect)[["variable", "effect", "differs"]]
