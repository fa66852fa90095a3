"""Where are the centres of groups of customers? Deterministic k-means (06_segment_customers)."""

from __future__ import annotations

import numpy as np

from workbench.analysis.threads import one_thread

__all__ = ["CENTRE_DECIMALS", "DISTANCE_DECIMALS", "distances", "fit_centres", "nearest", "sorted_rows"]

CENTRE_DECIMALS = 6  # further digits of a centre vary with the number of threads
DISTANCE_DECIMALS = 9  # squared distances are compared after rounding, so that engines agree on ties


def fit_centres(points: np.ndarray, k: int, *, n_restarts: int = 10, seed: int = 0) -> np.ndarray:
    """Fit k centres by k-means (Lloyd), best of several k-means++ starts.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p), no missing values, n >= k.
    k : int
        Number of centres, >= 1.
    n_restarts : int
        Starts; the one with the smallest within-group sum of squares is used.
    seed : int

    Returns
    -------
    numpy.ndarray
        Shape (k, p), rounded to six decimals, the centre with the largest sum of coordinates first. The result depends
        neither on row order nor on the number of threads.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415

    with one_thread():
        model = KMeans(n_clusters=k, n_init=n_restarts, random_state=seed).fit(sorted_rows(points))
    centres = np.round(model.cluster_centers_, CENTRE_DECIMALS) + 0.0  # no negative zero
    order = np.lexsort((*centres.T[::-1], -np.round(centres.sum(axis=1), CENTRE_DECIMALS)))
    return centres[order]


def sorted_rows(points: np.ndarray) -> np.ndarray:
    """Return the rows sorted by their values, so that the order of customers does not matter.

    Sorting by every column would take a third of a sweep's time. So rows that are already sorted are returned
    unchanged, and only the first column is used if its values are distinct.
    """
    if points.shape[1] == 0 or _are_sorted(points):
        return np.ascontiguousarray(points)
    order = np.argsort(points[:, 0], kind="stable")
    first = points[order, 0]
    if (first[1:] == first[:-1]).any():
        order = np.lexsort(points.T[::-1])
    return np.ascontiguousarray(points[order])


def _are_sorted(points: np.ndarray) -> bool:
    differ = points[1:] != points[:-1]
    at = np.arange(len(differ)), differ.argmax(axis=1)  # the first column in which a row differs from the previous one
    return bool((points[1:][at] >= points[:-1][at]).all())


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the index of each point's nearest centre; a tie goes to the lowest index.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p).
    centres : numpy.ndarray
        Shape (k, p).

    Returns
    -------
    numpy.ndarray
        Shape (n,), integers in 0..k-1.
    """
    return distances(points, centres).argmin(axis=1)


def distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return squared distances, shape (n, k), rounded to nine decimals and summed feature by feature."""
    total = np.zeros((len(points), len(centres)))
    for feature in range(points.shape[1]):
        total += (points[:, [feature]] - centres[:, feature]) ** 2
    return np.round(total, DISTANCE_DECIMALS)
