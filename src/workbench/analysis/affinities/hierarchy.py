"""Items that contain each other by definition: a product and its category, a brand of one category."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import ibis
    import pandas as pd

    from workbench.analysis.affinities.baskets import Baskets

__all__ = ["contained_pairs", "holds_pair"]


def contained_pairs(products: ibis.Table | None, baskets: Baskets, *, items: Sequence[str]) -> np.ndarray:
    """List pairs of items from two levels where buying one implies buying the other.

    A rule between a product and its own category restates the product table (Srikant and Agrawal 1995, Mining
    generalized association rules, section 2: an item and its ancestor).

    Parameters
    ----------
    products : ibis.Table or None
        product_id and the columns among ``items``.
    baskets : Baskets
    items : sequence of str
        The levels, as in the parameter; those of customers and answers contain no other.

    Returns
    -------
    ndarray of int64, sorted
        ``first * len(baskets.items) + second`` with first < second: codes of columns of the baskets.
    """
    levels = [level for level in items if products is not None and level in products.columns]
    if products is None or len(levels) < 2:  # noqa: PLR2004  a pair
        return np.zeros(0, dtype=np.int64)
    codes = {key: code for code, key in enumerate(zip(baskets.levels, baskets.items, strict=True))}
    pairs: set[int] = set()
    for one, other in combinations(levels, 2):
        kinds = products.select(one, other).distinct().cast({one: "string", other: "string"}).to_pandas()
        for inner, outer in ((one, other), (other, one)):
            pairs |= {_pair(codes, len(codes), *names) for names in _always(kinds, inner, outer)}
    return np.array(sorted(pairs - {-1}), dtype=np.int64)


def holds_pair(sets: np.ndarray, pairs: np.ndarray, n_items: int) -> np.ndarray:
    """Mark the itemsets that contain one of the pairs.

    Parameters
    ----------
    sets : ndarray (sets, size)
        Codes of items, padded with -1.
    pairs : ndarray
        From `contained_pairs`.
    n_items : int
        Items of the baskets.

    Returns
    -------
    ndarray of bool (sets,)
    """
    contains_pair = np.zeros(len(sets), dtype=bool)
    for one, other in combinations(range(sets.shape[1]), 2):
        first, second = np.minimum(sets[:, one], sets[:, other]), np.maximum(sets[:, one], sets[:, other])
        contains_pair |= (first >= 0) & np.isin(first * n_items + second, pairs)
    return contains_pair


def _always(kinds: pd.DataFrame, inner: str, outer: str) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Return pairs (inner, outer) where a value of the inner column occurs with only one value of the outer column."""
    valued = kinds[kinds[inner].notna()]
    single = valued.groupby(inner)[outer].transform("size") == 1
    single_valued = valued[single & valued[outer].notna()]
    return [
        ((inner, f"{inner}={one}"), (outer, f"{outer}={two}"))
        for one, two in zip(single_valued[inner], single_valued[outer], strict=True)
    ]


def _pair(codes: dict[tuple[str, str], int], n_items: int, inner: tuple[str, str], outer: tuple[str, str]) -> int:
    """Return the code of a pair; -1 if one of its items is in no basket."""
    if inner not in codes or outer not in codes:
        return -1
    first, second = sorted((codes[inner], codes[outer]))
    return first * n_items + second
