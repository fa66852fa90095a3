"""How precise are the measures of a churn model? Bootstrap intervals of all measures, from the same draws.

The measures are computed here for many draws at once, from counts of events by score; ``evaluation`` has the same
measures for one set of customers. A test compares both with scikit-learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from workbench.analysis.churn.models.evaluation import EDGE, LEVEL, TOP_SHARE, logit

__all__ = ["bootstrap_measures"]

CHUNK = 50  # draws at a time
MOST_EXACT = 5_000  # up to this many customers are drawn one by one; more are drawn as groups with about equal scores
GROUPS = 2_000
STEPS = 12  # iterations of Newton's method for the calibration line
MEASURES = (
    "auc", "average_precision", "brier", "log_loss", "lift_at_10pct", "calibration_slope", "calibration_intercept",
)  # fmt: skip
Fold = tuple[np.ndarray, np.ndarray]  # rows held out, their probabilities


def bootstrap_measures(
    labels: np.ndarray, folds: Sequence[Fold], *, n_bootstraps: int = 500, seed: int = 0, lines: bool = True
) -> pd.DataFrame:
    """Draw customers with replacement and measure each draw: 95 % percentile intervals.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape (n,), 0 or 1.
    folds : sequence of (rows, probabilities)
        Held-out rows and their predictions; one entry for a single test period. A measure is the mean over folds.
    n_bootstraps, seed : int
    lines : bool
        Fit the calibration line of every draw, which takes most of the time; otherwise its intervals are missing.

    Returns
    -------
    pandas.DataFrame
        Indexed by measure (auc, average_precision, brier, log_loss, lift_at_10pct, calibration_slope,
        calibration_intercept): low, high; NaN where no draw is finite. With more than 5,000 customers, counts of 2,000
        groups with about equal probabilities are drawn, separately by fold (Efron & Tibshirani 1993, chapter 13).
    """
    draws = _grouped_draws if len(labels) > MOST_EXACT else _customer_draws
    measures = np.concatenate(list(draws(np.asarray(labels, float), folds, n_bootstraps, seed, lines)), axis=0)
    quantiles = np.full((2, len(MEASURES)), np.nan)
    for position in range(len(MEASURES)):
        finite = measures[np.isfinite(measures[:, position]), position]
        if len(finite):
            quantiles[:, position] = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return pd.DataFrame(quantiles.T, index=list(MEASURES), columns=["low", "high"])


def _customer_draws(
    labels: np.ndarray, folds: Sequence[Fold], count: int, seed: int, lines: bool
) -> Iterator[np.ndarray]:
    rng, n = np.random.default_rng(seed), len(labels)
    sorted_folds = []
    for rows, scores in folds:
        order = np.argsort(scores, kind="stable")
        values, starts = np.unique(scores[order], return_index=True)
        sorted_folds.append((rows[order], starts, values))
    for size in _chunks(count):
        draws = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(size)]).astype(float)
        per_fold = []
        for rows, starts, values in sorted_folds:
            weights = draws[:, rows]
            events = np.add.reduceat(weights * labels[rows], starts, axis=1)
            others = np.add.reduceat(weights * (1 - labels[rows]), starts, axis=1)
            per_fold.append(_measure(events, others, values, lines))
        yield np.mean(per_fold, axis=0)


def _grouped_draws(
    labels: np.ndarray, folds: Sequence[Fold], count: int, seed: int, lines: bool
) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    cells = [_cells(labels[rows], scores) for rows, scores in folds]
    for size in _chunks(count):
        per_fold = []
        for events, others, values in cells:
            counts = np.concatenate([events, others])
            n = int(counts.sum())
            draws = rng.multinomial(n, counts / n, size=size).astype(float)
            per_fold.append(_measure(draws[:, : len(values)], draws[:, len(values) :], values, lines))
        yield np.mean(per_fold, axis=0)


def _cells(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return events, non-events and the mean score of groups with about equal scores, in increasing order."""
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, GROUPS + 1)[1:-1]))
    group = np.searchsorted(edges, scores, side="right")
    size = np.bincount(group, minlength=len(edges) + 1)
    events = np.bincount(group, labels, len(size))
    means = np.bincount(group, scores, len(size)) / np.maximum(size, 1)
    filled = size > 0
    return events[filled], (size - events)[filled], means[filled]


def _chunks(count: int) -> Iterator[int]:
    for start in range(0, count, CHUNK):
        yield min(CHUNK, count - start)


def _measure(events: np.ndarray, others: np.ndarray, values: np.ndarray, lines: bool = True) -> np.ndarray:
    """Compute the measures of draws, shape (draws, distinct scores in increasing order); returns (draws, measures)."""
    positives, negatives = events.sum(axis=1), others.sum(axis=1)
    total = positives + negatives
    clipped = np.clip(values, EDGE, 1 - EDGE)
    with np.errstate(divide="ignore", invalid="ignore"):
        area = (events * (others.cumsum(axis=1) - others / 2)).sum(axis=1) / (positives * negatives)
        hits = events[:, ::-1].cumsum(axis=1)
        contacted = hits + others[:, ::-1].cumsum(axis=1)
        precision = np.where(contacted > 0, hits / np.where(contacted > 0, contacted, 1), 0.0)
        average = (precision * events[:, ::-1]).sum(axis=1) / positives
        square = (events @ (1 - values) ** 2 + others @ values**2) / total
        loss = -(events @ np.log(clipped) + others @ np.log(1 - clipped)) / total
        top = [
            np.interp(TOP_SHARE * n, np.r_[0, c], np.r_[0, h]) for n, c, h in zip(total, contacted, hits, strict=True)
        ]
        lift = np.array(top) / positives / TOP_SHARE
    none = np.full(len(total), np.nan)
    slope, intercept = _lines(events, others, logit(values)) if lines else (none, none)
    one_class = (positives == 0) | (negatives == 0)
    measured = np.column_stack([area, average, square, loss, lift, slope, intercept])
    measured[one_class, :] = np.nan
    return measured


def _lines(events: np.ndarray, others: np.ndarray, odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the calibration lines of all draws together by Newton's method."""
    slope, intercept = np.ones(len(events)), np.zeros(len(events))
    total = events + others
    if np.ptp(odds) == 0:
        return np.full(len(events), np.nan), np.full(len(events), np.nan)
    for _ in range(STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(np.outer(slope, odds) + intercept[:, None], -30, 30)))
        residual, curvature = events - total * fitted, total * fitted * (1 - fitted)
        g0, g1 = residual.sum(axis=1), residual @ odds
        h00, h01, h11 = curvature.sum(axis=1) + EDGE, curvature @ odds, curvature @ odds**2 + EDGE
        determinant = h00 * h11 - h01**2
        determinant = np.where(determinant > 0, determinant, np.nan)
        slope = slope + np.clip((h00 * g1 - h01 * g0) / determinant, -2, 2)
        intercept = intercept + np.clip((h11 * g0 - h01 * g1) / determinant, -2, 2)
    return slope, intercept
