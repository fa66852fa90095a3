"""Do customers form clusters of different shape and size? Gaussian mixtures for 06_segment_customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.analysis.clustering.centres import DISTANCE_DECIMALS, sorted_rows
from workbench.analysis.threads import one_thread

__all__ = ["FULL_FEATURES", "fit_mixture", "log_densities"]

FULL_FEATURES = 6  # up to this number of features covariances are full, with more they are diagonal
FLOOR = 1e-3  # added to every variance, scaled units, so that a shared value does not become a component
DECIMALS = 9
MOST_ROUNDS = 100
TOLERANCE = 1e-3  # gain in mean log-likelihood at which a fit has converged
NOBODY = 10 * np.finfo(float).eps  # weight added to every component, so that an empty one has a mean

Components = tuple[np.ndarray, np.ndarray, np.ndarray]  # weights (k), means (k, p), precision factors (k, p, p or k, p)


def fit_mixture(points: np.ndarray, k: int, *, n_restarts: int = 10, seed: int = 0) -> dict[str, Any]:
    """Fit k Gaussian components by expectation-maximisation, best of several starts.

    The result equals scikit-learn's ``GaussianMixture`` (tests/unit/analysis/test_mixtures.py) in two thirds of the
    time, since input checks are left out; the sweep makes some hundred fits.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p), no missing values.
    k, n_restarts, seed : int

    Returns
    -------
    dict
        type ``gaussians``; covariance (full up to six features, else diag), weights (k), means (k, p),
        precision_cholesky (k, p, p or k, p: as in scikit-learn), log_det (k). The component with the largest sum of
        means first. Row order does not matter.
    """
    rows, full = sorted_rows(points), points.shape[1] <= FULL_FEATURES
    rng = np.random.RandomState(seed)
    with one_thread():
        fits = [_run_em(rows, _start(rows, k, rng, full=full), full=full) for _ in range(n_restarts)]
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
    """Return log(weight) + log density of each point in each component, without the common constant.

    Parameters
    ----------
    model : mapping
        From ``fit_mixture``.
    points : numpy.ndarray
        Shape (n, p).

    Returns
    -------
    numpy.ndarray
        Shape (n, k), rounded to nine decimals, so that ties are the same on every machine.
    """
    columns = []
    components = zip(model["weights"], model["means"], model["precision_cholesky"], model["log_det"], strict=True)
    for weight, mean, factor, log_det in components:
        centred = points - np.array(mean)
        whitened = centred * np.array(factor) if model["covariance"] == "diag" else centred @ np.array(factor)
        columns.append(np.log(max(weight, 1e-12)) + log_det - 0.5 * (whitened**2).sum(axis=1))
    return np.round(np.column_stack(columns), DISTANCE_DECIMALS)


def _start(rows: np.ndarray, k: int, rng: np.random.RandomState, *, full: bool) -> Components:
    """Start from the groups of one run of k-means."""
    from sklearn.cluster import KMeans  # noqa: PLC0415

    labels = KMeans(n_clusters=k, n_init=1, random_state=rng).fit(rows).labels_
    counts, means, factors = _estimate(rows, np.eye(k)[labels], full=full)
    return counts / len(rows), means, factors


def _run_em(rows: np.ndarray, components: Components, *, full: bool) -> tuple[Components, float]:
    """Run EM from one start until the mean log-likelihood converges; return the components and that likelihood."""
    log_likelihood = -np.inf
    for _ in range(MOST_ROUNDS):
        previous, joint = log_likelihood, _joint(rows, components, full=full)
        log_sums = _log_sums(joint)
        counts, means, factors = _estimate(rows, np.exp(joint - log_sums[:, None]), full=full)
        components, log_likelihood = (counts / counts.sum(), means, factors), log_sums.mean()
        if abs(log_likelihood - previous) < TOLERANCE:
            break
    return components, log_likelihood


def _joint(rows: np.ndarray, components: Components, *, full: bool) -> np.ndarray:
    """Return log(weight) + log density of each point in each component, shape (n, k)."""
    weights, means, factors = components
    if full:
        whitened = rows @ factors - means[:, None, :] @ factors
        squared_distances = np.ascontiguousarray(np.square(whitened).sum(axis=2).T)
        log_det = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    else:
        precision = factors**2
        squared_distances = (
            (means**2 * precision).sum(axis=1) - 2.0 * (rows @ (means * precision).T) + rows**2 @ precision.T
        )
        log_det = np.log(factors).sum(axis=1)
    return -0.5 * (rows.shape[1] * np.log(2 * np.pi) + squared_distances) + log_det + np.log(weights)


def _log_sums(joint: np.ndarray) -> np.ndarray:
    """Return the log of the sum of exponentials of each row, the maximum factored out as in scikit-learn."""
    maximum = joint.max(axis=1, keepdims=True)
    is_maximum = joint == maximum
    ties = is_maximum.sum(axis=1, keepdims=True, dtype=float)
    smaller = np.exp(np.where(is_maximum, -np.inf, joint) - maximum).sum(axis=1, keepdims=True) / ties
    return (np.log1p(smaller) + np.log(ties) + maximum)[:, 0]


def _estimate(rows: np.ndarray, shares: np.ndarray, *, full: bool) -> Components:
    """Return size, mean and precision factor of each component; ``shares`` has shape (n, k)."""
    counts = shares.sum(axis=0) + NOBODY
    means = (shares.T @ rows) / counts[:, None]
    if not full:
        return counts, means, 1 / np.sqrt((shares.T @ (rows * rows)) / counts[:, None] - means**2 + FLOOR)
    centred = rows - means[:, None, :]
    covariances = ((shares.T[:, :, None] * centred).transpose(0, 2, 1) @ centred) / counts[:, None, None]
    diagonal = np.arange(rows.shape[1])
    covariances[:, diagonal, diagonal] += FLOOR
    return counts, means, np.stack([_factor(covariance) for covariance in covariances])


def _factor(covariance: np.ndarray) -> np.ndarray:
    from scipy.linalg.lapack import dpotrf, dtrtrs  # noqa: PLC0415

    lower, _ = dpotrf(covariance, lower=1, clean=1)
    return dtrtrs(lower, np.eye(len(covariance)), lower=1)[0].T
