"""How good are predicted probabilities? Measures of 08_predict_churn.

Every measure takes labels (1 = the event), probabilities, and optional weights: how often each customer counts. A
bootstrap of customers is a draw of such weights. Measures that scikit-learn has are computed by scikit-learn, but are
NaN instead of an error if undefined.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn import metrics

from workbench.analysis.intervals import wilson

__all__ = [
    "METRICS",
    "auc",
    "auc_of_draws",
    "auc_standard_error",
    "average_precision",
    "brier",
    "calibration_line",
    "calibration_table",
    "gain_curve",
    "lift_at",
    "log_loss",
]

BINS = 10  # groups of the calibration table
EDGE = 1e-6  # probabilities are clipped to this distance from 0 and 1 before a logarithm
TOP_SHARE = 0.1
LEVEL = 0.95


def auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the area under the ROC curve: the probability that an event scores above a non-event, ties counting half.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (n,), 0 or 1.
    scores : numpy.ndarray
        Shape (n,), higher for a likelier event.
    weights : numpy.ndarray, optional
        Shape (n,), >= 0.

    Returns
    -------
    float
        In 0..1; NaN when one of the classes has no weight.
    """
    if not (_weight(labels, weights, of=0) > 0 and _weight(labels, weights, of=1) > 0):
        return np.nan
    return float(metrics.roc_auc_score(np.asarray(labels, int), np.asarray(scores, float), sample_weight=weights))


def auc_of_draws(labels: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return ``auc`` as a function of the weights only, for bootstraps and rankings of many columns.

    Scores are ranked once for all draws; scikit-learn's ``roc_auc_score`` would sort them for each and takes three
    times as long for one. A test compares both.

    Parameters
    ----------
    labels, scores : numpy.ndarray
        Shape (n,), as for ``auc``.

    Returns
    -------
    callable
        Weights of shape (n,) to the AUC; NaN when one of the classes has no weight.
    """
    distinct, position = np.unique(np.asarray(scores, float), return_inverse=True)
    labels, size = np.asarray(labels, float), len(distinct)

    def area(weights: np.ndarray) -> float:
        events = np.bincount(position, labels * weights, size)
        others = np.bincount(position, (1 - labels) * weights, size)
        total = events.sum() * others.sum()
        return float((events * (others.cumsum() - others / 2)).sum() / total) if total > 0 else np.nan

    return area


def auc_standard_error(area: float, positives: int, negatives: int) -> float:
    """Return the standard error of an AUC by Hanley & McNeil (1982), Radiology 143:29-36; NaN without both classes."""
    if min(positives, negatives) == 0:
        return np.nan
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return float(np.sqrt(max(variance, 0.0) / (positives * negatives)))


def average_precision(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean precision at the events, from the highest score down; equal scores are taken together.

    A random ranking has the share of events, a perfect one 1; NaN without an event.
    """
    if not _weight(labels, weights, of=1) > 0:
        return np.nan
    return float(
        metrics.average_precision_score(np.asarray(labels, int), np.asarray(scores, float), sample_weight=weights)
    )


def brier(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean squared error of a probability (Brier 1950), in 0..1, 0 is perfect; NaN without customers."""
    if not _weight(labels, weights) > 0:
        return np.nan
    return float(metrics.brier_score_loss(np.asarray(labels, int), probabilities, sample_weight=weights, pos_label=1))


def log_loss(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean negative log-likelihood in nats, >= 0; probabilities are clipped to 1e-6..1 - 1e-6."""
    if not _weight(labels, weights) > 0:
        return np.nan
    clipped = np.clip(np.asarray(probabilities, float), EDGE, 1 - EDGE)
    return float(metrics.log_loss(np.asarray(labels, int), clipped, sample_weight=weights, labels=[0, 1]))


def lift_at(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the event rate of the top tenth by score, relative to that of all customers.

    1 is chance, 10 the maximum; NaN without events. Customers tied at the border of the tenth count in proportion.
    """
    events, others = (tally[::-1] for tally in _tallies(labels, scores, weights))
    total = events.sum() + others.sum()
    if events.sum() == 0:
        return np.nan
    reached = np.interp(TOP_SHARE * total, np.r_[0, (events + others).cumsum()], np.r_[0, events.cumsum()])
    return float(reached / events.sum() / TOP_SHARE)


METRICS: dict[str, Callable[..., float]] = {
    "auc": auc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": log_loss,
    "lift_at_10pct": lift_at,
}


def calibration_line(labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    """Fit logit(P(event)) = intercept + slope logit(probability) (Cox 1958, Biometrika 45:562-565).

    Parameters
    ----------
    labels, probabilities : numpy.ndarray
        Shape (n,).

    Returns
    -------
    slope, intercept : float
        1 and 0 when calibrated; a slope under 1 means that probabilities are too extreme. NaN when one class is absent
        or all probabilities are equal.
    """
    labels, odds = np.asarray(labels, float), logit(probabilities)
    if labels.min(initial=1) == labels.max(initial=0) or np.ptp(odds) == 0:
        return np.nan, np.nan
    return logistic_line(odds, labels)


def logit(probabilities: np.ndarray) -> np.ndarray:
    """Return log odds; probabilities are clipped to 1e-6..1 - 1e-6."""
    clipped = np.clip(np.asarray(probabilities, float), EDGE, 1 - EDGE)
    return np.log(clipped / (1 - clipped))


def logistic_line(x: np.ndarray, y: np.ndarray, *, ridge: float = 1e-6, steps: int = 100) -> tuple[float, float]:
    """Fit a logistic regression on one variable by Newton's method; a small ridge keeps it finite on separable data.

    Parameters
    ----------
    x, y : numpy.ndarray
        Shape (n,); y is 0..1 (Platt's smoothed targets are allowed).
    ridge : float
        Penalty on both coefficients.
    steps : int
        Most Newton steps.

    Returns
    -------
    slope, intercept : float
    """
    design = np.column_stack([np.asarray(x, float), np.ones(len(x))])
    coefficients = np.zeros(2)
    for _ in range(steps):
        fitted = 1 / (1 + np.exp(-np.clip(design @ coefficients, -30, 30)))
        gradient = design.T @ (y - fitted) - ridge * coefficients
        hessian = (design * (fitted * (1 - fitted))[:, None]).T @ design + ridge * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        coefficients = coefficients + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            break
    return float(coefficients[0]), float(coefficients[1])


def calibration_table(labels: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> pd.DataFrame:
    """Compare predicted with observed event rates in groups of about equal size.

    Parameters
    ----------
    labels, probabilities : numpy.ndarray
        Shape (n,).
    bins : int
        Groups by rank of the probability; equal probabilities stay in one group, so there may be fewer.

    Returns
    -------
    pandas.DataFrame
        One row per group in increasing order: bin, n, positives, predicted (mean probability), observed (share of
        events), low, high (Wilson interval).
    """
    table = pd.DataFrame({"label": np.asarray(labels), "predicted": np.asarray(probabilities, float)})
    rank = table["predicted"].rank(method="average", pct=True)
    table["bin"] = np.ceil((rank * bins).round(9)).astype(int)
    grouped = table.groupby("bin", sort=True).agg(
        n=("label", "size"), positives=("label", "sum"), predicted=("predicted", "mean")
    )
    low, high = wilson(grouped["positives"], grouped["n"])
    grouped = grouped.assign(observed=grouped["positives"] / grouped["n"], low=low, high=high).reset_index()
    return grouped.assign(bin=np.arange(1, len(grouped) + 1))


def gain_curve(labels: np.ndarray, scores: np.ndarray, *, points: int = 20) -> pd.DataFrame:
    """Compute the share of events reached by contacting the top share of customers.

    Parameters
    ----------
    labels, scores : numpy.ndarray
        Shape (n,).
    points : int
        Steps between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        share_contacted (0..1), share_reached (0..1), lift (their ratio; missing at 0), random (equal to
        share_contacted); empty without events.
    """
    events, others = (tally[::-1] for tally in _tallies(labels, scores, None))
    contacted = np.round(np.linspace(0, 1, points + 1), 9) if events.sum() > 0 else np.array([])
    total = events.sum() + others.sum()
    reached = np.interp(contacted * total, np.r_[0, (events + others).cumsum()], np.r_[0, events.cumsum()])
    reached = reached / events.sum() if len(contacted) else reached
    lift = np.divide(reached, contacted, out=np.full(len(contacted), np.nan), where=contacted > 0)
    return pd.DataFrame({"share_contacted": contacted, "share_reached": reached, "lift": lift, "random": contacted})


def _tallies(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of events and of non-events at each distinct score, in increasing order."""
    _, position = np.unique(np.asarray(scores, float), return_inverse=True)
    labels = np.asarray(labels, float)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    size = int(position.max(initial=-1)) + 1
    return np.bincount(position, labels * weights, size), np.bincount(position, (1 - labels) * weights, size)


def _weight(labels: np.ndarray, weights: np.ndarray | None, *, of: int | None = None) -> float:
    """Return the weight of all customers, or of those with one label."""
    is_counted = np.ones(len(labels), dtype=bool) if of is None else np.asarray(labels) == of
    return float(is_counted.sum() if weights is None else np.asarray(weights, float)[is_counted].sum())
