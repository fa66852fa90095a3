"""Would other customers give the same groups, and is anything between them? Checks of 06_segment_customers.

Three checks of a set of centres: bootstrap Jaccard per cluster, Jaccard between disjoint halves (which decides), and
the valley between neighbouring centres.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from workbench.analysis.centres import fit_centres, nearest, sorted_rows

__all__ = ["STABLE", "bootstrap_jaccard", "jaccard_matrix", "split_half_jaccard", "valley"]

STABLE = 0.75  # Jaccard from which a cluster counts as stable (Hennig 2007)
RESTARTS = 3  # k-means starts per resample
MOST_ROWS = 5_000  # rows that take part in resampling; a seeded sample of a larger table
BAND = 0.1  # half width of the bands in which density is counted, as a share of the distance between two centres


def bootstrap_jaccard(points: np.ndarray, centres: np.ndarray, *, n_bootstraps: int = 50, seed: int = 0) -> np.ndarray:
    """Measure how well each cluster comes back when customers are drawn anew with replacement.

    Hennig (2007), Cluster-wise assessment of cluster stability, Computational Statistics & Data Analysis 52: the mean
    over resamples of the largest Jaccard similarity between the cluster, restricted to the resample, and any cluster
    of the resample. At or under .5 dissolved, from .75 stable, from .85 highly stable. Resamples share the sample's
    accidental axes, so this is shown beside the split halves and decides nothing.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p).
    centres : numpy.ndarray
        Shape (k, p), as fitted on all points.
    n_bootstraps, seed : int

    Returns
    -------
    numpy.ndarray
        Shape (k,), in 0..1, one value per centre.
    """
    rng = np.random.default_rng(seed)
    rows = _sample(sorted_rows(points), rng)
    own = nearest(rows, centres)
    found = np.zeros((n_bootstraps, len(centres)))
    for turn in range(n_bootstraps):
        drawn = np.sort(rng.integers(0, len(rows), len(rows)))
        again = fit_centres(rows[drawn], len(centres), n_restarts=1, seed=_seed(rng))
        unique = np.unique(drawn)
        found[turn] = jaccard_matrix(own[unique], nearest(rows[unique], again), len(centres)).max(axis=1)
    return found.mean(axis=0)


def split_half_jaccard(points: np.ndarray, k: int, *, n_splits: int = 10, seed: int = 0) -> np.ndarray:
    """Fit on each of two disjoint halves, let both assign everybody, and compare.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p), n >= 2 k.
    k : int
    n_splits, seed : int

    Returns
    -------
    numpy.ndarray
        Shape (n_splits, k), in 0..1: in each split the best-match Jaccard of each cluster of the one half among those
        of the other, taking the worse direction, worst cluster first.
    """
    rng = np.random.default_rng(seed)
    rows = _sample(sorted_rows(points), rng)
    found = np.zeros((n_splits, k))
    for turn in range(n_splits):
        order = rng.permutation(len(rows))
        halves = (order[: len(order) // 2], order[len(order) // 2 :])
        one, two = (nearest(rows, fit_centres(rows[half], k, n_restarts=RESTARTS, seed=_seed(rng))) for half in halves)
        matches = jaccard_matrix(one, two, k)
        found[turn] = np.minimum(np.sort(matches.max(axis=1)), np.sort(matches.max(axis=0)))
    return found


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


def valley(points: np.ndarray, centres: np.ndarray) -> float:
    """Measure how empty it is between the least separated pair of clusters.

    The members of a pair are projected on the line through its centres. The density half way is divided by the lower of
    the densities at the two centres. A single-peaked density is nowhere lower between two points than at the lower of
    them, so a cut through a continuum gives about 1 or more, a cut between separate groups a value near 0.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p).
    centres : numpy.ndarray
        Shape (k, p), k >= 2.

    Returns
    -------
    float
        The largest ratio over all pairs, >= 0.
    """
    labels = nearest(points, centres)
    pairs = combinations(range(len(centres)), 2)
    return max(_pair_valley(points[np.isin(labels, pair)], *centres[list(pair)]) for pair in pairs)


def _pair_valley(members: np.ndarray, one: np.ndarray, two: np.ndarray) -> float:
    line = two - one
    length = float(line @ line)
    if length == 0 or not len(members):
        return 1.0
    place = (members - one) @ line / length  # 0 at the one centre, 1 at the other
    counts = [int((np.abs(place - at) <= BAND).sum()) for at in (0.0, 0.5, 1.0)]
    return (counts[1] + 0.5) / (min(counts[0], counts[2]) + 0.5)


def _sample(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if len(rows) <= MOST_ROWS:
        return rows
    return rows[np.sort(rng.choice(len(rows), MOST_ROWS, replace=False))]


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31 - 1))
