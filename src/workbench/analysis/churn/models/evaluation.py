"""How good is a probability, and how sure is that? Measures of 08_predict_churn, each with its interval.

Every measure takes labels (1 = the event) and probabilities, and optional weights: how often each customer counts. A
bootstrap of customers is a draw of such weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

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

BINS = 10  # of the calibration table
EDGE = 1e-6  # probabilities are held this far from 0 and 1 in a logarithm
TOP_SHARE = 0.1
LEVEL = 0.95


def auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the area under the ROC curve: the chance that an event scores above a non-event, ties counting half.

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
    return auc_of_draws(labels, scores)(np.ones(len(labels)) if weights is None else np.asarray(weights, float))


def auc_of_draws(labels: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return ``auc`` as a function of the weights alone, the ranking done once; for bootstraps.

    Parameters
    ----------
    labels, scores : numpy.ndarray
        Shape (n,), as for ``auc``.

    Returns
    -------
    callable
        Weights of shape (n,) to the area; NaN when one of the classes has no weight.
    """
    distinct, at = np.unique(np.asarray(scores, float), return_inverse=True)
    labels, size = np.asarray(labels, float), len(distinct)

    def area(weights: np.ndarray) -> float:
        events = np.bincount(at, labels * weights, size)
        others = np.bincount(at, (1 - labels) * weights, size)
        total = events.sum() * others.sum()
        return float((events * (others.cumsum() - others / 2)).sum() / total) if total > 0 else np.nan

    return area


def auc_standard_error(area: float, positives: int, negatives: int) -> float:
    """Return the standard error of an AUC by Hanley & McNeil (1982), Radiology 143:29-36; NaN without both classes."""
    if min(positives, negatives) == 0:
        return np.nan
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positives - 1) * (one - area**2) + (negatives - 1) * (two - area**2)
    return float(np.sqrt(max(spread, 0.0) / (positives * negatives)))


def average_precision(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean precision over events, reading down the ranking; equal scores are read together.

    In share of events..1 for any sensible ranking; NaN without an event.
    """
    events, others = (each[::-1] for each in _tallies(labels, scores, weights))
    read = events.cumsum() + others.cumsum()
    precision = np.divide(events.cumsum(), read, out=np.zeros_like(read), where=read > 0)
    return float((precision * events).sum() / events.sum()) if events.sum() > 0 else np.nan


def brier(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean squared error of a probability (Brier 1950), in 0..1, 0 is perfect; NaN without customers."""
    return _mean((np.asarray(probabilities, float) - np.asarray(labels, float)) ** 2, weights)


def log_loss(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean negative log-likelihood in nats, >= 0; probabilities are held 1e-6 from 0 and 1."""
    held = np.clip(np.asarray(probabilities, float), EDGE, 1 - EDGE)
    return _mean(-np.where(np.asarray(labels) == 1, np.log(held), np.log(1 - held)), weights)


def lift_at(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return how many times more events the top tenth by score holds than a random tenth.

    1 is chance, 10 the most, NaN without events. Customers with the score at the border count in proportion.
    """
    events, others = (each[::-1] for each in _tallies(labels, scores, weights))
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
        1 and 0 when calibrated; a slope under 1 means probabilities too extreme. NaN when one class is absent, or all
        probabilities are equal.
    """
    labels, odds = np.asarray(labels, float), logit(probabilities)
    if labels.min(initial=1) == labels.max(initial=0) or np.ptp(odds) == 0:
        return np.nan, np.nan
    return logistic_line(odds, labels)


def logit(probabilities: np.ndarray) -> np.ndarray:
    """Return log odds, probabilities held 1e-6 from 0 and 1."""
    held = np.clip(np.asarray(probabilities, float), EDGE, 1 - EDGE)
    return np.log(held / (1 - held))


def logistic_line(x: np.ndarray, y: np.ndarray, *, ridge: float = 1e-6, steps: int = 100) -> tuple[float, float]:
    """Fit a logistic regression on one variable by Newton's method; a tiny ridge keeps separated data finite.

    Parameters
    ----------
    x, y : numpy.ndarray
        Shape (n,); y is 0..1 (Platt's smoothed targets are allowed).
    ridge : float
        Penalty on both coefficients.
    steps : int
        At most so many Newton steps.

    Returns
    -------
    slope, intercept : float
    """
    design = np.column_stack([np.asarray(x, float), np.ones(len(x))])
    found = np.zeros(2)
    for _ in range(steps):
        fitted = 1 / (1 + np.exp(-np.clip(design @ found, -30, 30)))
        gradient = design.T @ (y - fitted) - ridge * found
        bend = (design * (fitted * (1 - fitted))[:, None]).T @ design + ridge * np.eye(2)
        step = np.linalg.solve(bend, gradient)
        found = found + np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-10:
            break
    return float(found[0]), float(found[1])


def calibration_table(labels: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS) -> pd.DataFrame:
    """Compare predicted with observed shares over groups of about equal size.

    Parameters
    ----------
    labels, probabilities : numpy.ndarray
        Shape (n,).
    bins : int
        Groups by rank of the probability; customers with equal probabilities stay together, so there may be fewer.

    Returns
    -------
    pandas.DataFrame
        One row per group in rising order: bin, n, positives, predicted (mean probability), observed (share of
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
    """Say which share of the events is reached by contacting the top share of customers.

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
    events, others = (each[::-1] for each in _tallies(labels, scores, None))
    contacted = np.round(np.linspace(0, 1, points + 1), 9) if events.sum() > 0 else np.array([])
    total = events.sum() + others.sum()
    reached = np.interp(contacted * total, np.r_[0, (events + others).cumsum()], np.r_[0, events.cumsum()])
    reached = reached / events.sum() if len(contacted) else reached
    lift = np.divide(reached, contacted, out=np.full(len(contacted), np.nan), where=contacted > 0)
    return pd.DataFrame({"share_contacted": contacted, "share_reached": reached, "lift": lift, "random": contacted})


def _tallies(
    labels: Sequence[int], scores: Sequence[float], weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of events and of non-events at each distinct score, rising."""
    _, at = np.unique(np.asarray(scores, float), return_inverse=True)
    labels = np.asarray(labels, float)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    size = int(at.max(initial=-1)) + 1
    return np.bincount(at, labels * weights, size), np.bincount(at, (1 - labels) * weights, size)


def _mean(values: np.ndarray, weights: np.ndarray | None) -> float:
    if weights is None:
        return float(values.mean()) if len(values) else np.nan
    return float(values @ weights / weights.sum()) if weights.sum() > 0 else np.nan
