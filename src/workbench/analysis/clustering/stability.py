"""Would a different sample of customers give the same groups? Stability checks of 06_segment_customers.

Four checks of a grouping, each by refitting with the same method: bootstrap Jaccard per cluster, Jaccard between
disjoint halves (which decides), prediction strength, stability over time.
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
PATTERN = 0.6  # Jaccard below which a cluster is not used; between this and ``STABLE`` it is only a pattern
MOST_ROWS = 5_000  # most rows in resampling; larger tables are sampled with the seed


@dataclass(frozen=True)
class Halves:
    """Agreement of a grouping between disjoint halves of the customers.

    Attributes
    ----------
    jaccard : numpy.ndarray
        Shape (n_splits, k), in 0..1: for each split and cluster of one half, the best Jaccard with a cluster of the
        other half, the worse of both directions; sorted with the worst cluster first.
    clusters : numpy.ndarray
        Shape (k,), in 0..1: best Jaccard of each cluster of all customers with the clusters fitted on one half, mean
        over halves.
    prediction_strength : float
        Tibshirani & Walther (2005), Journal of Computational and Graphical Statistics 14: of the pairs of customers
        that their own half's model puts in the same cluster, the share that the other half's model also puts in the
        same cluster; worst cluster, mean over halves. The authors choose the largest k above .8.
    """

    jaccard: np.ndarray
    clusters: np.ndarray
    prediction_strength: float


def bootstrap_jaccard(
    points: np.ndarray, model: Model, method: Method, *, n_bootstraps: int = 50, seed: int = 0
) -> np.ndarray:
    """Measure how well each cluster is recovered from bootstrap resamples of customers.

    Hennig (2007), Cluster-wise assessment of cluster stability, Computational Statistics & Data Analysis 52: the mean
    over resamples of the largest Jaccard similarity between the cluster, restricted to the resample, and any cluster
    of the resample. Up to .5 the cluster is dissolved, from .75 stable, from .85 highly stable. Resamples
    share the random features of the sample, so this is shown but not used for the verdict.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p).
    model : mapping
        Fitted by the method on all points.
    method : Method
    n_bootstraps, seed : int

    Returns
    -------
    numpy.ndarray
        Shape (k,), in 0..1, one value per cluster of the model.
    """
    rng = np.random.default_rng(seed)
    rows = drawn(sorted_rows(points), MOST_ROWS, rng)
    labels, k = method.place(model, rows), _clusters(model)
    jaccards = np.zeros((n_bootstraps, k))
    for resample in range(n_bootstraps):
        sample = np.sort(rng.integers(0, len(rows), len(rows)))
        refit = method.fit(rows[sample], k, n_restarts=1, seed=_seed(rng))
        unique = np.unique(sample)
        jaccards[resample] = jaccard_matrix(labels[unique], method.place(refit, rows[unique]), k).max(axis=1)
    return jaccards.mean(axis=0)


def split_halves(points: np.ndarray, model: Model, method: Method, *, n_splits: int = 10, seed: int = 0) -> Halves:
    """Fit on each of two disjoint halves, assign all customers by both models, and compare.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p), n >= 2 k.
    model : mapping
        Fitted by the method on all points.
    method : Method
    n_splits, seed : int

    Returns
    -------
    Halves
    """
    rng = np.random.default_rng(seed)
    rows = drawn(sorted_rows(points), MOST_ROWS, rng)
    labels, k = method.place(model, rows), _clusters(model)
    jaccards, clusters, strength = np.zeros((n_splits, k)), np.zeros((2 * n_splits, k)), np.zeros(2 * n_splits)
    for split in range(n_splits):
        order = rng.permutation(len(rows))
        halves = (order[: len(order) // 2], order[len(order) // 2 :])
        fits = [method.fit(rows[half], k, n_restarts=method.starts, seed=_seed(rng)) for half in halves]
        one, two = (method.place(fit, rows) for fit in fits)
        matches = jaccard_matrix(one, two, k)
        jaccards[split] = np.minimum(np.sort(matches.max(axis=1)), np.sort(matches.max(axis=0)))
        clusters[2 * split : 2 * split + 2] = recovered(labels, one, k), recovered(labels, two, k)
        strength[2 * split] = _strength(one[halves[0]], two[halves[0]], k)
        strength[2 * split + 1] = _strength(two[halves[1]], one[halves[1]], k)
    return Halves(jaccards, clusters.mean(axis=0), float(strength.mean()))


def time_jaccard(
    points: np.ndarray, earlier: np.ndarray, model: Model, method: Method, *, most_rows: int = MOST_ROWS, seed: int = 0
) -> np.ndarray:
    """Refit on the earlier customers and measure how well each cluster of all customers is recovered.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p).
    earlier : numpy.ndarray
        Shape (n,), true for the customers with a first purchase in the earlier half.
    model : mapping
        Fitted by the method on all points.
    method : Method
    most_rows : int
        Most customers of the refit, a seeded sample.
    seed : int

    Returns
    -------
    numpy.ndarray
        Shape (k,), in 0..1, one value per cluster of the model; missing if either half has fewer than 2 k customers.
    """
    k = _clusters(model)
    if min(earlier.sum(), (~earlier).sum()) < 2 * k:
        return np.full(k, np.nan)
    rng = np.random.default_rng(seed)
    early_points = drawn(sorted_rows(points[earlier]), most_rows, rng)
    refit = method.fit(early_points, k, n_restarts=method.starts, seed=_seed(rng))
    return recovered(method.place(model, points), method.place(refit, points), k)


def recovered(own: np.ndarray, other: np.ndarray, k: int) -> np.ndarray:
    """Return each cluster's largest Jaccard similarity with any cluster of another labelling, shape (k,)."""
    return jaccard_matrix(own, other, k).max(axis=1)


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
    shared = np.bincount(one * k + two, minlength=k * k).reshape(k, k).astype(float)
    either = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    return np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)


def _strength(own: np.ndarray, other: np.ndarray, k: int) -> float:
    """Return the share of pairs in a cluster of ``own`` that ``other`` also puts together; lowest over clusters."""
    shared = np.bincount(own * k + other, minlength=k * k).reshape(k, k).astype(float)
    size = shared.sum(axis=1)
    is_pair = size > 1
    together = (shared * (shared - 1)).sum(axis=1)[is_pair] / (size * (size - 1))[is_pair]
    return float(together.min()) if len(together) else 0.0


def _clusters(model: Model) -> int:
    return len(model["centers"] if model["type"] == "centroids" else model["weights"])


def drawn(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows, or a sample of ``most`` of them without replacement, in their order."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(rng.choice(len(rows), most, replace=False))]


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))
