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


def fit_mixture(points: np.ndarray, k: int, *, n_restarts: int = 10, seed: int = 0) -> dict[str, Any]:
    """Fit k Gaussian clouds by expectation and maximisation (scikit-learn), best of several starts.

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
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415

    kind = "full" if points.shape[1] <= FULL_FEATURES else "diag"
    options = {"n_init": n_restarts, "random_state": seed, "reg_covar": FLOOR, "max_iter": MOST_ROUNDS}
    with one_thread():
        fitted = GaussianMixture(k, covariance_type=kind, **options).fit(sorted_rows(points))
    means, factors = np.round(fitted.means_, DECIMALS) + 0.0, np.round(fitted.precisions_cholesky_, DECIMALS) + 0.0
    order = np.lexsort((*means.T[::-1], -np.round(means.sum(axis=1), 6)))
    diagonal = factors if kind == "diag" else np.diagonal(factors, axis1=1, axis2=2)
    return {
        "type": "gaussians",
        "covariance": kind,
        "weights": np.round(fitted.weights_[order], DECIMALS).tolist(),
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
