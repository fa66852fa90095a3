"""How concentrated is spend on few customers? The Pareto analysis of 04_describe_customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.analysis.intervals import LEVEL

__all__ = ["MARKS", "Pareto", "pareto"]

MARKS = (0.5, 0.8)  # shares of spend; counted are the biggest spenders who account for each
CURVE_POINTS = 101
ROUNDING = 1e-9  # relative rounding error of a sum of doubles


@dataclass(frozen=True)
class Pareto:
    """Concentration of spend on few customers.

    Attributes
    ----------
    curve : DataFrame
        customers_share, spend_share (0..1): the biggest spenders first; at most `CURVE_POINTS` + 1 rows.
    marks : DataFrame, one row per requested share of spend
        spend_share, customers (how many of the biggest spenders account for it), customers_share, low, high (95 %,
        bootstrap of customers).
    customers : int
        Customers with net spend above 0; only these are counted.
    left_out : int
        Customers with net spend of 0 or below, or missing.
    spend : float
        Net spend of the counted customers.
    gini, gini_low, gini_high : float
        0 if all customers spend the same, near 1 if one spends everything; NaN without customers.
    """

    curve: pd.DataFrame
    marks: pd.DataFrame
    customers: int
    left_out: int
    spend: float
    gini: float
    gini_low: float
    gini_high: float


def pareto(
    features: pd.DataFrame,
    *,
    seed: int,
    n_bootstraps: int = 500,
    marks: Sequence[float] = MARKS,
) -> Pareto:
    """Measure the concentration of spend on few customers.

    Parameters
    ----------
    features : DataFrame, one row per customer
        monetary_total (net of returns). Customers with 0, a negative or a missing value are left out, and their number
        is reported; without the column all are left out.
    seed : int
    n_bootstraps : int
        Resamples of customers for the intervals.
    marks : sequence of float in (0, 1)
        Shares of spend for which customers are counted.

    Returns
    -------
    Pareto

    Notes
    -----
    Gini coefficient by ranks, and percentile bootstrap: Dixon, Weiner, Mitchell-Olds, Woodley (1987), Bootstrapping
    the Gini coefficient of inequality, Ecology 68:1548-1551.
    """
    spend = features.reindex(columns=["monetary_total"])["monetary_total"].astype("float64").to_numpy(na_value=np.nan)
    spend = np.sort(spend[spend > 0])[::-1]
    unweighted = np.ones(len(spend))
    estimates = _concentration(spend, unweighted, marks)
    low, high = _resample(spend, marks, seed=seed, n_bootstraps=n_bootstraps)
    table = pd.DataFrame({"spend_share": list(marks), "customers": estimates[1:]})
    table["customers_share"] = table["customers"] / max(len(spend), 1)
    table["low"], table["high"] = low[1:] / max(len(spend), 1), high[1:] / max(len(spend), 1)
    return Pareto(
        curve=_curve(spend),
        marks=table.assign(customers=table["customers"].astype("Int64")),
        customers=len(spend),
        left_out=len(features) - len(spend),
        spend=float(spend[::-1].sum()),
        gini=float(estimates[0]),
        gini_low=float(low[0]),
        gini_high=float(high[0]),
    )


def _curve(spend: np.ndarray) -> pd.DataFrame:
    """Return the concentration curve at evenly spaced customers, including both ends."""
    if not len(spend):
        return pd.DataFrame({"customers_share": pd.Series(dtype="float64"), "spend_share": pd.Series(dtype="float64")})
    positions = np.unique(np.round(np.linspace(0, len(spend), CURVE_POINTS)).astype(int))
    cumulative = np.concatenate([[0.0], np.cumsum(spend)])
    return pd.DataFrame(
        {"customers_share": positions / len(spend), "spend_share": cumulative[positions] / cumulative[-1]}
    )


def _concentration(spend: np.ndarray, times: np.ndarray, marks: Sequence[float]) -> np.ndarray:
    """Return, for a weighted sample, the Gini coefficient and the number of biggest spenders for each share of spend.

    ``spend`` is positive and in decreasing order; ``times`` is how often each customer was drawn.
    """
    if not len(spend):
        return np.full(1 + len(marks), np.nan)
    cumulative = np.cumsum(spend * times)
    n_cumulative = np.cumsum(times)
    n, total = n_cumulative[-1], cumulative[-1]
    # mean rank, from the smallest value, of the copies of each value
    rank = n - n_cumulative + (times + 1) / 2
    gini = float(2 * np.sum(rank * times * spend) / (n * total) - (n + 1) / n)
    counts = []
    for mark in marks:
        position = int(np.searchsorted(cumulative, mark * total * (1 - ROUNDING)))
        n_before, spend_before = (
            n_cumulative[position] - times[position],
            cumulative[position] - times[position] * spend[position],
        )
        counts.append(n_before + np.ceil((mark * total - spend_before) / spend[position] - ROUNDING * n))
    return np.array([gini, *counts])


def _resample(
    spend: np.ndarray, marks: Sequence[float], *, seed: int, n_bootstraps: int
) -> tuple[np.ndarray, np.ndarray]:
    if len(spend) < 2:  # noqa: PLR2004  one customer has no spread
        return np.full(1 + len(marks), np.nan), np.full(1 + len(marks), np.nan)
    rng = np.random.default_rng(seed)
    n = len(spend)
    resampled = [
        _concentration(spend, np.bincount(rng.integers(0, n, n), minlength=n).astype(float), marks)
        for _ in range(n_bootstraps)
    ]
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high
