"""Would other customers give the same groups, and is anything between them? Checks of 06_segment_customers.

Four checks of a grouping: bootstrap Jaccard per cluster, Jaccard between disjoint halves (which decides), prediction
strength, stability over time. All refit by the method that was used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.analysis.clustering.centres import sorted_rows

if TYPE_CHECKING:
    from workbench.analysis.clustering.methods import Method, Model

__all__ = [
    "MOST_ROWS", "PATTERN", "STABLE", "Halves", "bootstrap_jaccard", "drawn", "jaccard_matrix", "recovered",
    "split_halves", "time_jaccard",
]  # fmt: skip

STABLE = 0.75  # Jaccard from which a cluster counts as stable (Hennig 2007)
PATTERN = 0.6  # Jaccard below which a cluster is not to be used; up to ``STABLE`` it is a pattern only
MOST_ROWS = 5_000  # rows that take part in resampling; a seeded sample of a larger table


@dataclass(frozen=True)
class Halves:
    """What disjoint halves of the customers say about a grouping.

    Attributes
    ----------
    jaccard : numpy.ndarray
        Shape (n_splits, k), in 0..1: in each split the best-match Jaccard of each cluster of the one half among those
        of the other, taking the worse direction, worst cluster first.
    clusters : numpy.ndarray
        Shape (k,), in 0..1: how well each cluster of the whole comes back from one half, mean over halves.
    prediction_strength : float
        Tibshirani & Walther (2005), Journal of Computational and Graphical Statistics 14: of the pairs of customers
        whom their own half puts together, the share that the other half puts together too; worst cluster, mean over
        halves. The largest k above .8 is their choice.
    """

    jaccard: np.ndarray
    clusters: np.ndarray
    prediction_strength: float


def bootstrap_jaccard(
    points: np.ndarray, model: Model, method: Method, *, n_bootstraps: int = 50, seed: int = 0
) -> np.ndarray:
    """Measure how well each cluster comes back when customers are drawn anew with replacement.

    Hennig (2007), Cluster-wise assessment of cluster stability, Computational Statistics & Data Analysis 52: the mean
    over resamples of the largest Jaccard similarity between the cluster, restricted to the resample, and any cluster
    of the resample. At or under .5 dissolved, from .75 stable, from .85 highly stable. Resamples share the sample's
    accidental axes, so this is shown beside the split halves and decides nothing.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p).
    model : mapping
        As the method fitted it on all points.
    method : Method
    n_bootstraps, seed : int

    Returns
    -------
    numpy.ndarray
        Shape (k,), in 0..1, one value per cluster of the model.
    """
    rng = np.random.default_rng(seed)
    rows = drawn(sorted_rows(points), MOST_ROWS, rng)
    own, k = method.place(model, rows), _clusters(model)
    found = np.zeros((n_bootstraps, k))
    for turn in range(n_bootstraps):
        taken = np.sort(rng.integers(0, len(rows), len(rows)))
        again = method.fit(rows[taken], k, n_restarts=1, seed=_seed(rng))
        unique = np.unique(taken)
        found[turn] = jaccard_matrix(own[unique], method.place(again, rows[unique]), k).max(axis=1)
    return found.mean(axis=0)


def split_halves(points: np.ndarray, model: Model, method: Method, *, n_splits: int = 10, seed: int = 0) -> Halves:
    """Fit on each of two disjoint halves, let both place everybody, and compare.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p), n >= 2 k.
    model : mapping
        As the method fitted it on all points.
    method : Method
    n_splits, seed : int

    Returns
    -------
    Halves
    """
    rng = np.random.default_rng(seed)
    rows = drawn(sorted_rows(points), MOST_ROWS, rng)
    whole, k = method.place(model, rows), _clusters(model)
    found, clusters, strength = np.zeros((n_splits, k)), np.zeros((2 * n_splits, k)), np.zeros(2 * n_splits)
    for turn in range(n_splits):
        order = rng.permutation(len(rows))
        halves = (order[: len(order) // 2], order[len(order) // 2 :])
        fits = [method.fit(rows[half], k, n_restarts=method.starts, seed=_seed(rng)) for half in halves]
        one, two = (method.place(each, rows) for each in fits)
        matches = jaccard_matrix(one, two, k)
        found[turn] = np.minimum(np.sort(matches.max(axis=1)), np.sort(matches.max(axis=0)))
        clusters[2 * turn : 2 * turn + 2] = recovered(whole, one, k), recovered(whole, two, k)
        strength[2 * turn] = _strength(one[halves[0]], two[halves[0]], k)
        strength[2 * turn + 1] = _strength(two[halves[1]], one[halves[1]], k)
    return Halves(found, clusters.mean(axis=0), float(strength.mean()))


def time_jaccard(
    points: np.ndarray, earlier: np.ndarray, model: Model, method: Method, *, most_rows: int = MOST_ROWS, seed: int = 0
) -> np.ndarray:
    """Refit on the customers who came first and see which clusters of all customers come back.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p).
    earlier : numpy.ndarray
        Shape (n,), true for the customers whose first purchase lies in the earlier half.
    model : mapping
        As the method fitted it on all points.
    method : Method
    most_rows : int
        Customers the refit is made on, at most; a seeded sample of more.
    seed : int

    Returns
    -------
    numpy.ndarray
        Shape (k,), in 0..1, one value per cluster of the model; missing where either half has fewer than 2 k members.
    """
    k = _clusters(model)
    if min(earlier.sum(), (~earlier).sum()) < 2 * k:
        return np.full(k, np.nan)
    rng = np.random.default_rng(seed)
    before = drawn(sorted_rows(points[earlier]), most_rows, rng)
    again = method.fit(before, k, n_restarts=method.starts, seed=_seed(rng))
    return recovered(method.place(model, points), method.place(again, points), k)


def recovered(own: np.ndarray, again: np.ndarray, k: int) -> np.ndarray:
    """Return each cluster's largest Jaccard similarity with any cluster of another labelling, shape (k,)."""
    return jaccard_matrix(own, again, k).max(axis=1)


def jaccard_matrix(one: np.ndarray, two: np.ndarray, k: int) -> np.ndarray:
    """Return the Jaccard similarity of every cluster of one labelling with every cluster of another.

    Parameters
    ----------
    one, two : numpy.ndarray
        Shape (n,), labels in 0..k-1 of the same points.
    k : int

    Returns
    -------
    numpy.ndarray
        Shape (k, k), in 0..1: members in both over members in either; 0 where both are empty.

    Examples
    --------
    >>> jaccard_matrix(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]), 2).round(2).tolist()
    [[0.0, 0.67], [0.5, 0.25]]
    """
    both = np.bincount(one * k + two, minlength=k * k).reshape(k, k).astype(float)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def _strength(own: np.ndarray, other: np.ndarray, k: int) -> float:
    """Of the pairs that share a cluster in ``own``, the share together in ``other``; worst cluster of two or more."""
    both = np.bincount(own * k + other, minlength=k * k).reshape(k, k).astype(float)
    size = both.sum(axis=1)
    kept = size > 1
    together = (both * (both - 1)).sum(axis=1)[kept] / (size * (size - 1))[kept]
    return float(together.min()) if len(together) else 0.0


def _clusters(model: Model) -> int:
    return len(model["centers"] if model["type"] == "centroids" else model["weights"])


def drawn(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows, or ``most`` of them drawn without replacement, in their order."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(rng.choice(len(rows), most, replace=False))]


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))
