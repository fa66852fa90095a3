"""Do customers form clouds of different shape and size? Gaussian mixtures for the sweep of 06_segment_customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.analysis.clustering.centres import DISTANCE_DECIMALS, sorted_rows
from workbench.analysis.threads import one_thread

__all__ = ["FULL_FEATURES", "fit_mixture", "log_densities"]

FULL_FEATURES = 6  # up to so many features clouds may lean; beyond, they have axes along the features
FLOOR = 1e-3  # added to every variance, scaled units, so that a shared value is no cloud of its own
DECIMALS = 9
MOST_ROUNDS = 100
TOLERANCE = 1e-3  # gain in mean log-likelihood at which a fit has arrived
NOBODY = 10 * np.finfo(float).eps  # customers added to every cloud, so that an empty one has a mean

Clouds = tuple[np.ndarray, np.ndarray, np.ndarray]  # weights (k), means (k, p), factors of precision (k, p, p or k, p)


def fit_mixture(points: np.ndarray, k: int, *, n_restarts: int = 10, seed: int = 0) -> dict[str, Any]:
    """Fit k Gaussian clouds by expectation and maximisation, best of several starts.

    Every number is that of scikit-learn's ``GaussianMixture`` (tests/unit/analysis/test_mixtures.py), in two thirds of
    its time: the rest goes into checks of arrays, and the sweep fits some hundred times.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p), no missing values.
    k, n_restarts, seed : int

    Returns
    -------
    dict
        type ``gaussians``; covariance (full up to six features, else diag), weights (k), means (k, p),
        precision_cholesky (k, p, p or k, p: the lower-triangular-inverse factor as scikit-learn states it), log_det
        (k). The cloud with the largest sum of means first. Row order does not matter.
    """
    rows, full = sorted_rows(points), points.shape[1] <= FULL_FEATURES
    rng = np.random.RandomState(seed)
    with one_thread():
        fits = [_climb(rows, _start(rows, k, rng, full=full), full=full) for _ in range(n_restarts)]
    weights, means, factors = max(fits, key=lambda fit: fit[1])[0]
    means, factors = np.round(means, DECIMALS) + 0.0, np.round(factors, DECIMALS) + 0.0
    order = np.lexsort((*means.T[::-1], -np.round(means.sum(axis=1), 6)))
    diagonal = np.diagonal(factors, axis1=1, axis2=2) if full else factors
    return {
        "type": "gaussians",
        "covariance": "full" if full else "diag",
        "weights": np.round(weights[order], DECIMALS).tolist(),
        "means": means[order].tolist(),
        "precision_cholesky": factors[order].tolist(),
        "log_det": np.round(np.log(diagonal[order]).sum(axis=1), DECIMALS).tolist(),
    }


def log_densities(model: Mapping[str, Any], points: np.ndarray) -> np.ndarray:
    """Return log(weight) + log density of each point in each cloud, but for the constant they share.

    Parameters
    ----------
    model : mapping
        As ``fit_mixture`` gave it.
    points : numpy.ndarray
        Shape (n, p).

    Returns
    -------
    numpy.ndarray
        Shape (n, k), rounded to nine decimals, so that ties are ties everywhere.
    """
    columns = []
    parts = zip(model["weights"], model["means"], model["precision_cholesky"], model["log_det"], strict=True)
    for weight, mean, factor, log_det in parts:
        away = points - np.array(mean)
        turned = away * np.array(factor) if model["covariance"] == "diag" else away @ np.array(factor)
        columns.append(np.log(max(weight, 1e-12)) + log_det - 0.5 * (turned**2).sum(axis=1))
    return np.round(np.column_stack(columns), DISTANCE_DECIMALS)


def _start(rows: np.ndarray, k: int, rng: np.random.RandomState, *, full: bool) -> Clouds:
    """Make the first clouds of the groups of one run of k-means."""
    from sklearn.cluster import KMeans  # noqa: PLC0415

    labels = KMeans(n_clusters=k, n_init=1, random_state=rng).fit(rows).labels_
    counts, means, factors = _clouds(rows, np.eye(k)[labels], full=full)
    return counts / len(rows), means, factors


def _climb(rows: np.ndarray, clouds: Clouds, *, full: bool) -> tuple[Clouds, float]:
    """Climb from one start until the mean log-likelihood, which is returned beside the clouds, stands still."""
    gain = -np.inf
    for _ in range(MOST_ROUNDS):
        before, joint = gain, _joint(rows, clouds, full=full)
        whole = _log_sums(joint)
        counts, means, factors = _clouds(rows, np.exp(joint - whole[:, None]), full=full)
        clouds, gain = (counts / counts.sum(), means, factors), whole.mean()
        if abs(gain - before) < TOLERANCE:
            break
    return clouds, gain


def _joint(rows: np.ndarray, clouds: Clouds, *, full: bool) -> np.ndarray:
    """Return log(weight) + log density of each point in each cloud, shape (n, k)."""
    weights, means, factors = clouds
    if full:
        turned = rows @ factors - means[:, None, :] @ factors
        away = np.ascontiguousarray(np.square(turned).sum(axis=2).T)
        log_det = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    else:
        precision = factors**2
        away = (means**2 * precision).sum(axis=1) - 2.0 * (rows @ (means * precision).T) + rows**2 @ precision.T
        log_det = np.log(factors).sum(axis=1)
    return -0.5 * (rows.shape[1] * np.log(2 * np.pi) + away) + log_det + np.log(weights)


def _log_sums(joint: np.ndarray) -> np.ndarray:
    """Return the log of the sum of exponentials of each row; the largest stands outside of the sum."""
    top = joint.max(axis=1, keepdims=True)
    largest = joint == top
    ties = largest.sum(axis=1, keepdims=True, dtype=float)
    below = np.exp(np.where(largest, -np.inf, joint) - top).sum(axis=1, keepdims=True) / ties
    return (np.log1p(below) + np.log(ties) + top)[:, 0]


def _clouds(rows: np.ndarray, share: np.ndarray, *, full: bool) -> Clouds:
    """Return how many points each cloud holds, its mean and the factor of its precision; ``share`` has shape (n, k)."""
    counts = share.sum(axis=0) + NOBODY
    means = (share.T @ rows) / counts[:, None]
    if not full:
        return counts, means, 1 / np.sqrt((share.T @ (rows * rows)) / counts[:, None] - means**2 + FLOOR)
    away = rows - means[:, None, :]
    spread = ((share.T[:, :, None] * away).transpose(0, 2, 1) @ away) / counts[:, None, None]
    axes = np.arange(rows.shape[1])
    spread[:, axes, axes] += FLOOR
    return counts, means, np.stack([_factor(each) for each in spread])


def _factor(covariance: np.ndarray) -> np.ndarray:
    from scipy.linalg.lapack import dpotrf, dtrtrs  # noqa: PLC0415

    lower, _ = dpotrf(covariance, lower=1, clean=1)
    return dtrtrs(lower, np.eye(len(covariance)), lower=1)[0].T
