"""Gamma-Gamma: spend per order, varying around a mean for each customer.

Parameters: p (shape within a customer), q, v (distribution of means between customers). Spend must not depend on
purchase frequency; the correlation is reported with the result. Source: P. S. Fader, B. G. S. Hardie (2013), The
Gamma-Gamma model of monetary value, note 025.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import gammaln, psi

from workbench.analysis.value.models.fitting import Fit, Levels, maximise

__all__ = ["PARAMETERS", "expected_spend", "fit", "log_likelihood"]

PARAMETERS = ("p", "q", "v")
_SHAPES = ((1.0, 2.0), (5.0, 4.0), (0.5, 10.0))


def fit(x: np.ndarray, spend: np.ndarray, weight: np.ndarray | None = None) -> Fit:
    """Fit by maximum likelihood.

    Parameters
    ----------
    x : array
        Repeat orders, 1 and more.
    spend : array
        Mean spend of those orders, above 0.
    weight : array, optional
        Number of customers of each entry.
    """
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=float)
    centre = float(np.average(spend, weights=weight))
    starts = [{"p": p, "q": q, "v": centre * max(q - 1, 0.5) / p} for p, q in _SHAPES]

    levels, spend = Levels.of(x), np.asarray(spend, dtype=float)

    def likelihood(values: np.ndarray, rows: slice) -> tuple[float, np.ndarray]:
        by_row, gradient = _likelihood(values, levels[rows], spend[rows])
        return float(weight[rows] @ by_row), gradient @ weight[rows]

    return maximise(likelihood, PARAMETERS, starts, weight=weight)


def log_likelihood(parameters: Mapping[str, float], x: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each customer (note 025, equation 1a)."""
    return _likelihood(np.array([parameters[name] for name in PARAMETERS]), Levels.of(x), spend)[0]


def expected_spend(parameters: Mapping[str, float], x: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """Return the spend per order expected of each customer (note 025, equation 5).

    Parameters
    ----------
    parameters : mapping
        If q is at most 1, customers without a repeat order have no finite mean: NaN.
    x : array
        Repeat orders; 0 gives the mean over all customers.
    spend : array
        Mean spend of repeat orders; ignored where x is 0.
    """
    p, q, v = (parameters[name] for name in PARAMETERS)
    observed = np.where(x > 0, x * np.nan_to_num(spend), 0.0)
    denominator = p * x + q - 1
    return np.where(denominator > 0, p * (v + observed) / np.where(denominator > 0, denominator, 1.0), np.nan)


def _likelihood(values: np.ndarray, x: Levels, spend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-likelihood by customer and its gradient, shape (3, customers)."""
    p, q, v = values
    n = x.values
    px, orders = p * n, x(n)
    total_spend = orders * spend
    log_total, log_spend = np.log(total_spend + v), np.log(spend)
    common = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v) + px * np.log(n)
    shape = x(px + q)
    gradient = np.array(
        [
            x(n * (psi(px + q) - psi(px) + np.log(n))) + orders * (log_spend - log_total),
            x(psi(px + q) - psi(q) + np.log(v)) - log_total,
            q / v - shape / (total_spend + v),
        ]
    )
    return x(common) + x(px - 1) * log_spend - shape * log_total, gradient
