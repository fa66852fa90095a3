"""Recommendation methods: scores of bought items, and of the most popular items. Serves 07_mine_affinities.

A method scores the items a customer has bought (buy again) and, if it can, items never bought (new for you).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, sparse

if TYPE_CHECKING:
    from workbench.analysis.recommendations.history import History

__all__ = ["METHODS", "Scorer", "decode_keys", "entry_keys", "gram", "order_keys", "scorer"]

MOST_ITEMS = 4_000  # number of most popular items whose similarity is computed
NEIGHBOURS = 50  # most similar items used per item
BM25_K1, BM25_B = 1.2, 0.75
HALF_LIFE_DAYS = 90
RIDGE = 200.0  # EASE^R
FACTORS, ROUNDS, ALS_RIDGE, CONFIDENCE = 32, 8, 5.0, 10.0
KNN, OWN_WEIGHT, MOST_NEIGHBOURS = 300, 0.8, 20_000  # TIFU-kNN
_ROWS, _CODE_BITS = 500, 32
LEAST_PAIRS = 5  # fewest customers or baskets for a pair rule

METHODS = ("popularity", "own", "own_decayed", "bm25", "own_cycle", "cosine", "rules", "ease", "als", "tifu_knn")


@dataclass(frozen=True)
class Scorer:
    """A fitted method.

    Attributes
    ----------
    again : callable
        Maps codes of customers (rows) to a score per entry of ``counts[rows]``.
    new : callable or None
        Maps rows to non-negative scores of the ``MOST_ITEMS`` most popular items, (rows, items), sparse where most are
        0; None if the method cannot score new items.
    base : ndarray or None
        Score of each item that has no entry in a sparse result; None: 0.
    """

    again: Callable[[np.ndarray], np.ndarray]
    new: Callable[[np.ndarray], np.ndarray | sparse.csr_array] | None = None
    base: np.ndarray | None = None


def scorer(method: str, history: History, *, seed: int = 0) -> Scorer:
    """Fit a method to a history.

    Parameters
    ----------
    method : str
        One of ``METHODS``.
    history : History
    seed : int
        For the random start of ALS, and for sampling the possible neighbours of TIFU-kNN.

    Returns
    -------
    Scorer
    """
    if method in ("popularity", "own", "own_decayed", "own_cycle"):
        return _by_entry(method, history)
    return _by_item(history, _ITEM_SCORES[method](history, seed))


def _by_entry(method: str, history: History) -> Scorer:
    values = _ENTRY_SCORES[method](history)
    again = lambda rows: values[_entries(history.counts, rows)]  # noqa: E731
    if method != "popularity":
        return Scorer(again)
    popular = history.popularity[:MOST_ITEMS].astype(np.float32)
    return Scorer(again, lambda rows: sparse.csr_array((len(rows), len(popular)), dtype=np.float32), popular)


def _by_item(history: History, scores: Callable[[np.ndarray], np.ndarray | sparse.csr_array]) -> Scorer:
    def again(rows: np.ndarray) -> np.ndarray:
        block = scores(rows)
        counts = history.counts[rows]
        row_numbers = np.repeat(np.arange(len(rows)), np.diff(counts.indptr))
        inside = counts.indices < block.shape[1]
        result = np.zeros(len(row_numbers), dtype=np.float32)
        result[inside] = _values_at(block, row_numbers[inside], counts.indices[inside])
        return result

    return Scorer(again, scores)


def _values_at(block: np.ndarray | sparse.csr_array, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the entries of a block at rows and columns; 0 where a sparse block has no entry."""
    if isinstance(block, np.ndarray):
        return block[rows, columns]
    block.sort_indices()
    width = np.int64(block.shape[1])
    keys = np.repeat(np.arange(block.shape[0], dtype=np.int64), np.diff(block.indptr)) * width + block.indices
    wanted = rows * width + columns
    positions = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    return np.where(keys[positions] == wanted, block.data[positions], 0) if len(keys) else np.zeros(len(wanted))


def _entries(matrix: sparse.csr_array, rows: np.ndarray) -> np.ndarray:
    """Return the positions of the entries of rows in a sparse matrix, in their order."""
    starts, sizes = matrix.indptr[rows], np.diff(matrix.indptr)[rows]
    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(int(sizes.sum()))


# scores of bought items --------------------------------------------------------------------------


def _popular(history: History) -> np.ndarray:
    return history.popularity[history.counts.indices].astype(np.float64)


def _own(history: History) -> np.ndarray:
    return history.counts.data.astype(np.float64)


def _own_decayed(history: History) -> np.ndarray:
    return history.weighted(0.5 ** ((history.until - history.day) / HALF_LIFE_DAYS))


def _own_cycle(history: History) -> np.ndarray:
    """Weight counts by how close the item is to its usual gap; for items bought once, the gap is the whole history."""
    counts, last, first = history.counts.data, history.last_days(), history.first_days()
    span = max(1, history.until - int(history.day.min())) if len(history.day) else 1
    cycle = np.where(counts > 1, (last - first) / np.maximum(counts - 1, 1), span)
    cycles_since = (history.until - last) / np.maximum(cycle, 1)
    return counts * np.where(cycles_since <= 1, 0.5 + 0.5 * cycles_since, 1 / cycles_since)


_ENTRY_SCORES = {"popularity": _popular, "own": _own, "own_decayed": _own_decayed, "own_cycle": _own_cycle}


# scores over items -------------------------------------------------------------------------------


def _top(history: History) -> sparse.csr_array:
    """Return the counts of the most popular items."""
    return sparse.csr_array(history.counts[:, :MOST_ITEMS])


def _bm25(history: History, _: int) -> Callable[[np.ndarray], sparse.csr_array]:
    """Score by item similarity on BM25 weights (items as documents, customers as words)."""
    counts = _top(history)
    weights = sparse.coo_array(counts.astype(np.float64))
    length = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel()
    norm = (1 - BM25_B) + BM25_B * length / max(length.mean() if len(length) else 1.0, 1e-12)
    rarity = np.log(max(counts.shape[1], 1)) - np.log1p(np.diff(counts.indptr))
    rows, columns = weights.coords
    data = weights.data * (BM25_K1 + 1) / (BM25_K1 * norm[columns] + weights.data) * np.maximum(rarity[rows], 0)
    weighted = sparse.csr_array((data, (rows, columns)), shape=counts.shape)
    return _neighbours(counts, _similar(weighted))


def _cosine(history: History, _: int) -> Callable[[np.ndarray], sparse.csr_array]:
    counts = _top(history)
    length = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=0)).ravel())
    scaled = sparse.csr_array(counts @ sparse.diags_array(1 / np.maximum(length, 1e-12)))
    return _neighbours(counts, _similar(scaled))


def _rules(history: History, _: int) -> Callable[[np.ndarray], sparse.csr_array]:
    """Score by the confidence of pair rules between items, applied to the last basket."""
    counts = _top(history)
    ones = (counts > 0).astype(np.float64)
    pair_counts = gram(ones)
    item_counts = np.diag(pair_counts).copy()
    pair_counts[pair_counts < LEAST_PAIRS] = 0
    pair_counts[np.diag_indices(len(pair_counts))] = 0
    confidence = pair_counts / np.maximum(item_counts, 1)[:, None]
    return _neighbours(_last_baskets(history), _strongest(confidence))


def _ease(history: History, _: int) -> Callable[[np.ndarray], np.ndarray]:
    """Score by EASE^R (Steck 2019): a ridge regression of every item on all others, in closed form."""
    counts = _top(history)
    ones = (counts > 0).astype(np.float64)
    joint = gram(ones).astype(np.float64)
    joint[np.diag_indices(len(joint))] += RIDGE
    inverse = linalg.inv(joint) if len(joint) else joint
    weights = -inverse / np.diag(inverse)[None, :]
    weights[np.diag_indices(len(weights))] = 0.0
    matrix = weights.astype(np.float32)
    return lambda rows: np.maximum(ones[rows].astype(np.float32) @ matrix, 0)


def _als(history: History, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Score by factors of implicit feedback, from alternating least squares (Hu, Koren and Volinsky 2008)."""
    counts = _top(history).astype(np.float64)
    random = np.random.default_rng(seed)
    items = random.normal(0, 0.01, (counts.shape[1], FACTORS))
    customers = np.zeros((counts.shape[0], FACTORS))
    transposed = sparse.csr_array(counts.T)
    for _ in range(ROUNDS):
        customers = _solve(counts, items)
        items = _solve(transposed, customers)
    customers = _solve(counts, items)
    return lambda rows: np.maximum(customers[rows] @ items.T, 0).astype(np.float32)


def _solve(matrix: sparse.csr_array, other: np.ndarray) -> np.ndarray:
    gram = other.T @ other + ALS_RIDGE * np.eye(other.shape[1])
    result = np.zeros((matrix.shape[0], other.shape[1]))
    for row in range(matrix.shape[0]):
        entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
        factors, confidence = other[matrix.indices[entries]], CONFIDENCE * np.log1p(matrix.data[entries])
        if len(factors):
            system = gram + (factors * confidence[:, None]).T @ factors
            result[row] = np.linalg.solve(system, factors.T @ (1 + confidence))
    return result


def _tifu_knn(history: History, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Score by decayed own purchases and those of the nearest customers (TIFU-kNN, Hu et al. 2020).

    Neighbours are searched among at most ``MOST_NEIGHBOURS`` customers, drawn at random.
    """
    decayed = sparse.csr_array((_own_decayed(history), history.counts.indices, history.counts.indptr),
                               shape=history.counts.shape)[:, :MOST_ITEMS]  # fmt: skip
    length = np.sqrt(np.asarray(decayed.multiply(decayed).sum(axis=1)).ravel())
    scaled = sparse.csr_array(sparse.diags_array(1 / np.maximum(length, 1e-12)) @ decayed)
    pool = np.arange(scaled.shape[0])
    if len(pool) > MOST_NEIGHBOURS:
        pool = np.sort(np.random.default_rng(seed).choice(pool, MOST_NEIGHBOURS, replace=False))
    others, purchases = sparse.csc_array(scaled[pool].T), sparse.csr_array(decayed[pool])

    def scores(rows: np.ndarray) -> np.ndarray:
        parts = [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]
        return np.concatenate([mixed(part) for part in parts]) if parts else np.zeros((0, decayed.shape[1]))

    def mixed(rows: np.ndarray) -> np.ndarray:
        similarity = np.asarray((scaled[rows] @ others).todense())
        similarity[rows[:, None] == pool[None, :]] = -1
        most = min(KNN, similarity.shape[1] - 1)
        own = np.asarray(decayed[rows].todense())
        if most < 1:
            return own
        chosen = np.argsort(-similarity, axis=1, kind="stable")[:, :most]
        row_numbers = np.repeat(np.arange(len(rows)), most)
        is_similar = (np.take_along_axis(similarity, chosen, axis=1) > 0).astype(np.float64)
        share = is_similar / np.maximum(is_similar.sum(axis=1, keepdims=True), 1)
        pick = sparse.csr_array((share.ravel(), (row_numbers, chosen.ravel())), shape=similarity.shape)
        return (OWN_WEIGHT * own + (1 - OWN_WEIGHT) * np.asarray((pick @ purchases).todense())).astype(np.float32)

    return scores


_ITEM_SCORES = {
    "bm25": _bm25, "cosine": _cosine, "rules": _rules, "ease": _ease, "als": _als, "tifu_knn": _tifu_knn,
}  # fmt: skip


def _neighbours(counts: sparse.csr_array, similar: sparse.csr_array) -> Callable[[np.ndarray], sparse.csr_array]:
    purchases, weights = counts.astype(np.float32), similar.astype(np.float32)
    return lambda rows: sparse.csr_array(purchases[rows] @ weights)


def _similar(weighted: sparse.csr_array) -> sparse.csr_array:
    """Return the similarity of items by shared customers, for the most similar neighbours of each item."""
    return _strongest(gram(weighted))


def gram(matrix: sparse.csr_array) -> np.ndarray:
    """Return X'X of a sparse matrix in single precision; only half is computed, since it is symmetric."""
    width = matrix.shape[1]
    transposed = sparse.csr_array(matrix.T)
    result = np.empty((width, width), dtype=np.float32)
    for start in range(0, width, _ROWS):
        rows = slice(start, start + _ROWS)
        block = np.asarray((transposed[rows] @ sparse.csr_array(matrix[:, start:])).todense(), dtype=np.float32)
        result[rows, start:], result[start:, rows] = block, block.T
    return result


def _strongest(matrix: np.ndarray) -> sparse.csr_array:
    """Keep the ``NEIGHBOURS`` largest entries of each row, ties by column."""
    width = matrix.shape[1]
    if width <= NEIGHBOURS:
        return sparse.csr_array(matrix)
    blocks = []
    for start in range(0, matrix.shape[0], _ROWS):
        values = matrix[start : start + _ROWS]
        keys = order_keys(values)
        best = np.argpartition(keys, width - NEIGHBOURS, axis=1)[:, width - NEIGHBOURS :]
        data = np.take_along_axis(values, best, axis=1)
        rows = np.repeat(np.arange(len(values)), NEIGHBOURS)
        kept = data.ravel() > 0
        entries = (data.ravel()[kept], (rows[kept], best.ravel()[kept]))
        blocks.append(sparse.csr_array(entries, shape=values.shape))
    return sparse.csr_array(sparse.vstack(blocks))


def order_keys(values: np.ndarray) -> np.ndarray:
    """Return integers that sort like non-negative scores; of equal scores the first column has the largest integer."""
    return entry_keys(values, np.arange(values.shape[1], dtype=np.int64), values.shape[1])


def entry_keys(scores: np.ndarray, columns: np.ndarray, width: int) -> np.ndarray:
    """Return the keys of `order_keys` for single scores, given their columns and the width of the matrix."""
    bits = np.ascontiguousarray(scores, dtype=np.float32).view(np.int32).astype(np.int64)
    return (bits << _CODE_BITS) + (width - columns.astype(np.int64, copy=False))


def decode_keys(keys: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns and scores that keys encode."""
    columns = width - (keys & ((1 << _CODE_BITS) - 1))
    return columns, (keys >> _CODE_BITS).astype(np.int32).view(np.float32)


def _last_baskets(history: History) -> sparse.csr_array:
    """Return a matrix of ones for the items each customer bought on their last purchase day."""
    latest = np.full(len(history.customers), -1, dtype=np.int64)
    np.maximum.at(latest, history.customer, history.day)
    last = history.day == latest[history.customer]
    ones = np.ones(int(last.sum()))
    shape = (len(history.customers), len(history.items))
    return sparse.csr_array(
        sparse.csr_array((ones, (history.customer[last], history.item[last])), shape=shape)[:, :MOST_ITEMS]
    )
