"""Frequent itemsets, counted exactly and within a bound. Serves 07_mine_affinities.

Level by level (Agrawal and Srikant 1994): pairs from the product X'X in blocks of columns, longer sets by extending the
frequent ones. If more sets are frequent than the bound allows, the threshold is raised.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
from scipy import sparse

__all__ = ["Itemsets", "count_itemsets", "find_itemsets", "least_count"]

MOST_SETS = 500_000  # most itemsets of one size
MOST_WORK = 300_000_000  # most basket entries read to extend the itemsets of one size
_BLOCK = 4_000_000  # entries per block
_THREADS = 2  # blocks processed at the same time


@dataclass(frozen=True)
class Itemsets:
    """Frequent itemsets.

    Attributes
    ----------
    sets : dict of int to ndarray
        Size to an array (sets, size) of item codes, ascending in each row, rows sorted.
    counts : dict of int to ndarray
        Size to the number of baskets of each set.
    least : int
        The requested threshold, in baskets.
    used : dict of int to int
        Size to the threshold used: larger than ``least`` where the bound was reached.
    """

    sets: dict[int, np.ndarray]
    counts: dict[int, np.ndarray]
    least: int
    used: dict[int, int]

    @property
    def raised(self) -> int:
        """The largest threshold used, if above the requested one, else 0."""
        most = max(self.used.values(), default=self.least)
        return most if most > self.least else 0


def least_count(min_support: float, baskets: int) -> int:
    """Return the smallest count that meets a support: ``ceil(min_support * baskets)`` in exact arithmetic, at least 1.

    Examples
    --------
    >>> least_count(0.01, 19773), least_count(0.1, 30)
    (198, 3)
    """
    return max(1, ceil(Fraction(str(min_support)) * baskets))


def find_itemsets(
    matrix: sparse.csr_array, *, min_support: float, max_items: int, most_sets: int = MOST_SETS
) -> Itemsets:
    """Find all itemsets in at least ``min_support`` of the baskets.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
        One row per basket, ones.
    min_support : float in (0, 1]
    max_items : int
        Largest size.
    most_sets : int
        Bound on the sets of one size; beyond it the threshold is raised for that size and all larger ones.

    Returns
    -------
    Itemsets
    """
    least = least_count(min_support, int(matrix.shape[0]))
    counts = np.asarray(matrix.sum(axis=0), dtype=np.int64).ravel()
    single = np.flatnonzero(counts >= least)
    sets, set_counts, used = {1: single[:, None]}, {1: counts[single]}, {1: least}
    columns = sparse.csc_array(matrix[:, single])
    local = np.arange(len(single))[:, None]
    threshold = least
    for size in range(2, max_items + 1):
        parents_counts = set_counts[size - 1]
        local, frequencies, threshold = _extend(columns, local, parents_counts, threshold, most_sets)
        if not len(local):
            break
        sets[size], set_counts[size], used[size] = single[local], frequencies, threshold
    return Itemsets(sets, set_counts, least, used)


def count_itemsets(matrix: sparse.csr_array, sets: np.ndarray) -> np.ndarray:
    """Count the baskets that contain all items of each set.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array
    sets : ndarray (sets, size)
        Codes of columns.

    Returns
    -------
    ndarray of int
    """
    columns = sparse.csc_array(matrix)
    sizes = np.diff(columns.indptr)[sets[:, 0]] if len(sets) else np.zeros(0)
    blocks = [_joint(columns, sets[part]).sum(axis=0) for part in _blocks(sizes)]
    return np.concatenate(blocks).astype(np.int64) if blocks else np.zeros(0, dtype=np.int64)


def _extend(
    columns: sparse.csc_array, parents: np.ndarray, parent_counts: np.ndarray, threshold: int, most_sets: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the frequent sets one item longer than the parents, their counts, and the threshold used."""
    work = _work(columns, parents, parent_counts)
    threshold = _within_work(work, parent_counts, threshold)
    is_frequent = parent_counts >= threshold
    parents, work = parents[is_frequent], work[is_frequent]
    rows = sparse.csr_array(columns)
    sets, counts, n_sets = [], [], 0

    def extended(part: slice) -> tuple[np.ndarray, np.ndarray]:
        return _extended(columns, rows, parents[part], threshold)

    with ThreadPoolExecutor(_THREADS) as pool:  # matrix products release Python's global lock
        for candidates, frequencies in pool.map(extended, _blocks(work)):
            kept = frequencies >= threshold  # the threshold may have risen since the block began
            sets.append(candidates[kept])
            counts.append(frequencies[kept])
            n_sets += int(kept.sum())
            if n_sets > most_sets:
                sets, counts, threshold = _shorten(sets, counts, most_sets, threshold)
                n_sets = len(sets[0])
    if not n_sets:
        return np.zeros((0, parents.shape[1] + 1), dtype=np.int64), np.zeros(0, dtype=np.int64), threshold
    all_sets, all_counts = np.concatenate(sets), np.concatenate(counts)
    order = np.lexsort(all_sets.T[::-1])
    return all_sets[order], all_counts[order], threshold


def _extended(
    columns: sparse.csc_array, rows: sparse.csr_array, parents: np.ndarray, threshold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequent sets one item longer than some parents, and their counts."""
    block = sparse.csr_array(_joint(columns, parents).T)
    together = sparse.coo_array(block @ rows)
    frequent = (together.col > parents[together.row, -1]) & (together.data >= threshold)
    candidates = np.column_stack([parents[together.row[frequent]], together.col[frequent]])
    return candidates, together.data[frequent].astype(np.int64)


def _work(columns: sparse.csc_array, parents: np.ndarray, parent_counts: np.ndarray) -> np.ndarray:
    """Return the basket entries read to extend each set: its baskets times the mean size of its items' baskets."""
    entries = columns.T @ np.diff(sparse.csr_array(columns).indptr)
    mean_size = entries / np.maximum(np.diff(columns.indptr), 1)
    return parent_counts * np.maximum(mean_size[parents].min(axis=1), 1.0)


def _within_work(work: np.ndarray, parent_counts: np.ndarray, threshold: int) -> int:
    """Raise the threshold until extending the remaining sets reads at most ``MOST_WORK`` entries."""
    order = np.argsort(-parent_counts, kind="stable")
    beyond = np.flatnonzero(np.cumsum(work[order]) > MOST_WORK)
    return max(threshold, int(parent_counts[order[beyond[0]]]) + 1) if len(beyond) else threshold


def _shorten(
    sets: list[np.ndarray], counts: list[np.ndarray], most: int, threshold: int
) -> tuple[list[np.ndarray], list[np.ndarray], int]:
    """Keep at most ``most`` sets, by raising the threshold."""
    all_sets, all_counts = np.concatenate(sets), np.concatenate(counts)
    raised = max(threshold, int(np.sort(all_counts)[::-1][most]) + 1)
    kept = all_counts >= raised
    return [all_sets[kept]], [all_counts[kept]], raised


def _joint(columns: sparse.csc_array, sets: np.ndarray) -> sparse.csc_array:
    """Return one column per set: 1 in the baskets that contain all its items."""
    joint = columns[:, sets[:, 0]]
    for column in range(1, sets.shape[1]):
        joint = sparse.csc_array(joint.multiply(columns[:, sets[:, column]]))
    return joint


def _blocks(sizes: np.ndarray) -> list[slice]:
    """Cut rows into blocks of about ``_BLOCK`` entries."""
    if not len(sizes):
        return []
    number = (np.cumsum(sizes) // _BLOCK).astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(sizes)]
    return [slice(start, end) for start, end in zip(edges[:-1], edges[1:], strict=True)]
