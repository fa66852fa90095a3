"""The best items per customer: buy again, and new for you. Serves 07_mine_affinities.

Ties by popularity, then name: the code of an item is its place in that order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.analysis.recommendations.methods import MOST_ITEMS, order_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.analysis.recommendations.history import History
    from workbench.analysis.recommendations.methods import Scorer

__all__ = ["rank_again", "rank_new"]

_CELLS = 10_000_000  # of one block of customers by items


def rank_again(
    history: History, scorer: Scorer, rows: np.ndarray, *, k: int, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rank the items each customer has bought.

    Parameters
    ----------
    history : History
    scorer : Scorer
    rows : ndarray of int
        Codes of customers.
    k : int
    allowed : ndarray of bool, optional
        By item.

    Returns
    -------
    items, scores : ndarray (rows, k)
        Codes, -1 where there are fewer; scores, NaN there.
    """
    items, scores = _empty(len(rows), k)
    for at in _blocks(len(rows), min(len(history.items), MOST_ITEMS)):
        part = history.counts[rows[at]]
        who = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
        codes, values = part.indices.astype(np.int64), np.asarray(scorer.again(rows[at]), dtype=np.float64)
        if allowed is not None:
            kept = allowed[codes]
            who, codes, values = who[kept], codes[kept], values[kept]
        order = np.lexsort((codes, -values, who))
        who, codes, values = who[order], codes[order], values[order]
        starts = np.searchsorted(who, np.arange(part.shape[0]))
        place = np.arange(len(who)) - starts[who]
        best = place < k
        block = at.start + who[best]
        items[block, place[best]], scores[block, place[best]] = codes[best], values[best]
    return items, scores


def rank_new(
    history: History,
    scorer: Scorer,
    rows: np.ndarray,
    *,
    k: int,
    allowed: np.ndarray | None = None,
    barred: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Rank items each customer has never bought, among the ``MOST_ITEMS`` most popular ones.

    Parameters
    ----------
    history, scorer, rows, k, allowed
        As for `rank_again`; the scorer must have ``new``.
    barred : sequence of (ndarray of bool, ndarray of bool)
        Groups of rows who must not get a group of items.

    Returns
    -------
    items, scores : ndarray (rows, k)
    """
    items, scores = _empty(len(rows), k)
    width = min(len(history.items), MOST_ITEMS)
    if scorer.new is None or not width:
        return items, scores
    for at in _blocks(len(rows), width):
        values = np.maximum(np.asarray(scorer.new(rows[at]), dtype=np.float32), 0)
        part = history.counts[rows[at]][:, :width]
        open_ = np.ones(values.shape, dtype=bool)
        who = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
        open_[who, part.indices] = False
        if allowed is not None:
            open_ &= allowed[None, :width]
        for owners, group in barred:
            open_ &= ~(owners[at][:, None] & group[None, :width])
        keys = np.where(open_, order_keys(values), -1)
        most = min(k, width)
        best = np.argpartition(keys, width - most, axis=1)[:, width - most :]
        chosen = np.take_along_axis(keys, best, axis=1)
        order = np.argsort(-chosen, axis=1, kind="stable")
        best, chosen = np.take_along_axis(best, order, axis=1), np.take_along_axis(chosen, order, axis=1)
        items[at, :most] = np.where(chosen >= 0, best, -1)
        scores[at, :most] = np.where(chosen >= 0, np.take_along_axis(values, best, axis=1), np.nan)
    return items, scores


def _empty(rows: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full((rows, k), -1, dtype=np.int64), np.full((rows, k), np.nan)


def _blocks(rows: int, width: int) -> list[slice]:
    size = max(1, _CELLS // max(width, 1))
    return [slice(at, min(at + size, rows)) for at in range(0, rows, size)]
