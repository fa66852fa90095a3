"""The best items per customer: buy again, and new for you. Serves 07_mine_affinities.

Ties are broken by popularity, then name: item codes are in this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from workbench.analysis.recommendations.methods import MOST_ITEMS, decode_keys, entry_keys, order_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.analysis.recommendations.history import History
    from workbench.analysis.recommendations.methods import Scorer

__all__ = ["count_served", "rank_again", "rank_new"]

Group = tuple[np.ndarray, np.ndarray]  # rows of customers, and items they must not be offered
_CELLS = 10_000_000  # cells of a block (customers x items)


@dataclass(frozen=True)
class _Limits:
    """Items that customers must not be offered as new: owned ones, those not permitted, groups of items."""

    owned: sparse.csr_array
    permitted: np.ndarray
    groups: Sequence[Group]

    def of(self, rows: np.ndarray) -> _Limits:
        """Return the limits of some of the rows."""
        groups = [(owners[rows], group) for owners, group in self.groups]
        return _Limits(sparse.csr_array(self.owned[rows]), self.permitted, groups)

    def permitted_items(self, width: int | None = None) -> np.ndarray:
        """Mark the items that may be offered, (rows, items), the first ``width`` items only."""
        owned = self.owned if width is None else sparse.csr_array(self.owned[:, :width])
        marks = np.tile(self.permitted[: owned.shape[1]], (owned.shape[0], 1))
        marks[np.repeat(np.arange(owned.shape[0]), np.diff(owned.indptr)), owned.indices] = False
        for owners, group in self.groups:
            marks &= ~(owners[:, None] & group[None, : owned.shape[1]])
        return marks


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
        Flag per item: it may be offered.

    Returns
    -------
    items, scores : ndarray (rows, k)
        Codes of items and their scores; -1 and NaN where a list has fewer than k items.
    """
    items, scores = _empty(len(rows), k)
    for block_rows in _blocks(len(rows), min(len(history.items), MOST_ITEMS)):
        part = history.counts[rows[block_rows]]
        row = np.repeat(np.arange(part.shape[0]), np.diff(part.indptr))
        codes, values = part.indices.astype(np.int64), np.asarray(scorer.again(rows[block_rows]), dtype=np.float64)
        if allowed is not None:
            kept = allowed[codes]
            row, codes, values = row[kept], codes[kept], values[kept]
        best = values >= _least_of(values, row, part.shape[0], k)[row]
        row, codes, values = row[best], codes[best], values[best]
        order = np.lexsort((codes, -values, row))
        row, codes, values = row[order], codes[order], values[order]
        starts = np.searchsorted(row, np.arange(part.shape[0]))
        place = np.arange(len(row)) - starts[row]
        best = place < k
        block = block_rows.start + row[best]
        items[block, place[best]], scores[block, place[best]] = codes[best], values[best]
    return items, scores


def rank_new(
    history: History,
    scorer: Scorer,
    rows: np.ndarray,
    *,
    k: int,
    allowed: np.ndarray | None = None,
    barred: Sequence[Group] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Rank items each customer has never bought, among the ``MOST_ITEMS`` most popular ones.

    Parameters
    ----------
    history, scorer, rows, k, allowed
        As for `rank_again`; the scorer must have ``new``.
    barred : sequence of (ndarray of bool, ndarray of bool)
        Rows of customers, and the group of items they must not be offered.

    Returns
    -------
    items, scores : ndarray (rows, k)
    """
    items, scores = _empty(len(rows), k)
    width = min(len(history.items), MOST_ITEMS)
    if scorer.new is None or not width:
        return items, scores
    permitted = np.ones(width, dtype=bool) if allowed is None else allowed[:width]
    base = np.zeros(width, dtype=np.float32) if scorer.base is None else scorer.base
    for block_rows in _blocks(len(rows), width):
        values = scorer.new(rows[block_rows])
        owned = sparse.csr_array(history.counts[rows[block_rows]][:, :width])
        limits = _Limits(owned, permitted, [(owners[block_rows], group[:width]) for owners, group in barred])
        if isinstance(values, np.ndarray):
            items[block_rows], scores[block_rows] = _best_of(
                np.maximum(values.astype(np.float32, copy=False), 0), limits.permitted_items(), k
            )
        else:
            items[block_rows], scores[block_rows] = _best_entries(values, limits, k)
            _fill(items[block_rows], scores[block_rows], limits, base)
    return items, scores


def count_served(
    history: History, rows: np.ndarray, *, again: np.ndarray, new: np.ndarray, barred: Sequence[Group] = ()
) -> int:
    """Count the customers with at least one item on a personal list.

    Parameters
    ----------
    history : History
    rows : ndarray of int
        Codes of customers.
    again, new : ndarray of bool
        Flag per item: it may be offered again; it may be offered as new.
    barred
        As for `rank_new`.
    """
    owners = np.repeat(np.arange(len(history.customers)), np.diff(history.counts.indptr))
    has_item = np.bincount(owners[again[history.counts.indices]], minlength=len(history.customers))[rows] > 0
    without_item, width = np.flatnonzero(~has_item), min(len(history.items), MOST_ITEMS)
    served = int(has_item.sum())
    for block_rows in _blocks(len(without_item), width):
        part = without_item[block_rows]
        owned = sparse.csr_array(history.counts[rows[part]][:, :width])
        limits = _Limits(owned, new[:width], [(owners_of[part], group[:width]) for owners_of, group in barred])
        served += int(limits.permitted_items().any(axis=1).sum())
    return served


def _best_of(values: np.ndarray, permitted_items: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the items and scores of the k largest permitted values of each row."""
    keys = np.where(permitted_items, order_keys(values), -1)
    most = min(k, values.shape[1])
    return _decoded(np.partition(keys, values.shape[1] - most, axis=1)[:, values.shape[1] - most :], values.shape[1], k)


def _best_entries(values: sparse.csr_array, limits: _Limits, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the items and scores of the k largest positive permitted entries of each row, or all if fewer."""
    (rows, width), owned = values.shape, limits.owned
    ones = sparse.csr_array((np.ones(owned.nnz, dtype=np.float32), owned.indices, owned.indptr), shape=owned.shape)
    bought = sparse.csr_array(values.multiply(ones))
    kept = sparse.csr_array(values - bought) if bought.nnz else values
    row = np.repeat(np.arange(rows), np.diff(kept.indptr))
    useful = (kept.data > 0) & limits.permitted[kept.indices]
    for owners, group in limits.groups:
        useful &= ~(owners[row] & group[kept.indices])
    row, codes, data = row[useful], kept.indices[useful], kept.data[useful]
    sizes = np.bincount(row, minlength=rows)
    longest = max(int(sizes.max(initial=0)), 1)
    place = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    keys = np.full((rows, longest), -1, dtype=np.int64)
    keys[row, place] = entry_keys(data, codes, width)
    most = min(k, longest)
    return _decoded(np.partition(keys, longest - most, axis=1)[:, longest - most :], width, k)


def _least_of(values: np.ndarray, row: np.ndarray, rows: int, k: int) -> np.ndarray:
    """Return the k-th largest value of each row, so that only few values are sorted; rows ascend."""
    sizes = np.bincount(row, minlength=rows)
    longest = int(sizes.max(initial=0))
    if longest <= k:
        return np.full(rows, -np.inf)
    padded = np.full((rows, longest), -np.inf)
    padded[row, np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)] = values
    return np.partition(padded, longest - k, axis=1)[:, longest - k]


def _decoded(keys: np.ndarray, width: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the items and scores that keys encode, the largest key first; -1 and NaN for a missing key."""
    keys = -np.sort(-keys, axis=1)
    items, scores = _empty(len(keys), k)
    codes, values = decode_keys(keys, width)
    items[:, : keys.shape[1]] = np.where(keys >= 0, codes, -1)
    scores[:, : keys.shape[1]] = np.where(keys >= 0, values, np.nan)
    return items, scores


def _fill(items: np.ndarray, scores: np.ndarray, limits: _Limits, base: np.ndarray) -> None:
    """Fill short lists with the most popular permitted items not yet on them; changes both arrays."""
    short = np.flatnonzero((items < 0).any(axis=1))
    if not len(short):
        return
    k = items.shape[1]
    limits_of_short = limits.of(short)
    # enough popular items, even if some are bought, barred or already listed
    n_candidates = (
        2 * k
        + int(np.diff(limits_of_short.owned.indptr).max(initial=0))
        + sum(int(one.sum()) for _, one in limits_of_short.groups)
    )
    candidates = np.flatnonzero(limits_of_short.permitted)[:n_candidates]
    width = int(candidates[-1]) + 1 if len(candidates) else 0
    permitted_items = limits_of_short.permitted_items(width)
    listed = items[short]
    row, place = np.nonzero((listed >= 0) & (listed < width))
    permitted_items[row, listed[row, place]] = False
    order = np.cumsum(permitted_items, axis=1) - 1 + (listed >= 0).sum(axis=1)[:, None]
    row, codes = np.nonzero(permitted_items & (order < k))
    rank = order[row, codes]
    items[short[row], rank], scores[short[row], rank] = codes, base[codes]


def _empty(rows: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full((rows, k), -1, dtype=np.int64), np.full((rows, k), np.nan)


def _blocks(rows: int, width: int) -> list[slice]:
    size = max(1, _CELLS // max(width, 1))
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
