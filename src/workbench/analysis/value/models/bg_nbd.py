"""BG/NBD: each customer buys at an individual rate and may stop after any purchase (Fader, Hardie & Lee 2005).

Parameters: r, alpha (purchase rates, gamma), a, b (probability of stopping after a purchase, beta). Time in weeks.
A customer without a repeat purchase cannot have stopped, so the model's probability of being alive is no churn measure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit, gammaln, hyp2f1, psi

from workbench.analysis.value.models.fitting import Fit, Levels, maximise

__all__ = ["PARAMETERS", "alive_probability", "expected_orders", "expected_orders_of_new", "fit", "log_likelihood"]

PARAMETERS = ("r", "alpha", "a", "b")
_STARTS = (
    {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5},
    {"r": 1.0, "alpha": 20.0, "a": 0.3, "b": 1.0},
    {"r": 0.2, "alpha": 1.0, "a": 2.0, "b": 8.0},
)
_SINGULAR = 1e-6  # smallest distance of a from 1, since the expectation divides by a - 1


def fit(x: np.ndarray, t_x: np.ndarray, t: np.ndarray, weight: np.ndarray | None = None) -> Fit:
    """Fit by maximum likelihood.

    Parameters
    ----------
    x : array
        Repeat purchase days, 0 and more.
    t_x, t : array
        Weeks from the first purchase to the last one and to the end; 0 <= t_x <= t.
    weight : array, optional
        Number of customers of each entry.

    Returns
    -------
    Fit

    Notes
    -----
    P. S. Fader, B. G. S. Hardie, K. L. Lee (2005), "Counting your customers" the easy way, Marketing Science
    24(2):275-284, equation 6 and appendix.
    """
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=float)
    scale = max(float(np.average(t, weights=weight)), 1e-9) / 30.0  # the starting values suit about 30 weeks
    starts = [{**start, "alpha": start["alpha"] * scale} for start in _STARTS]

    levels = [Levels.of(column) for column in (x, t_x, t)]

    def likelihood(values: np.ndarray, rows: slice) -> tuple[float, np.ndarray]:
        by_row, gradient = _likelihood(values, *(column[rows] for column in levels))
        return float(weight[rows] @ by_row), gradient @ weight[rows]

    return maximise(likelihood, PARAMETERS, starts, weight=weight)


def log_likelihood(parameters: Mapping[str, float], x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each customer; arrays as for `fit`."""
    values = np.array([parameters[name] for name in PARAMETERS])
    return _likelihood(values, *(Levels.of(column) for column in (x, t_x, t)))[0]


def alive_probability(
    parameters: Mapping[str, float] | Mapping[str, np.ndarray], x: np.ndarray, t_x: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """Return the probability that each customer has not stopped; 1 without a repeat purchase (equation 7)."""
    r, alpha, a, b = (parameters[name] for name in PARAMETERS)
    odds = np.log(a) - np.log(b + np.maximum(x, 1) - 1) + (r + x) * (np.log(alpha + t) - np.log(alpha + t_x))
    return np.where(x > 0, 1 / (1 + np.exp(np.minimum(odds, 700))), 1.0)


def expected_orders(
    parameters: Mapping[str, float], x: np.ndarray, t_x: np.ndarray, t: np.ndarray, *, weeks: float
) -> np.ndarray:
    """Return the purchase days each customer is expected to have in the next weeks (equation 10).

    For customers with hundreds of purchases the printed form overflows; there Euler's transformation of the
    hypergeometric function is used, whose series stays short.
    """
    r, alpha, a, b = _regular(parameters)
    stay = (alpha + t) / (alpha + t + weeks)
    share = 1 - _remainder(r, a, b, x, stay)
    return np.maximum((a + b + x - 1) / (a - 1) * share * alive_probability(parameters, x, t_x, t), 0.0)


def expected_orders_of_new(parameters: Mapping[str, float], weeks: np.ndarray) -> np.ndarray:
    """Return the repeat purchase days a new customer is expected to have within some weeks (equation 9)."""
    r, alpha, a, b = _regular(parameters)
    stay = alpha / (alpha + np.asarray(weeks, dtype=float))
    return (a + b - 1) / (a - 1) * (1 - _remainder(r, a, b, np.zeros_like(stay), stay))


def _remainder(r: float, a: float, b: float, x: np.ndarray, stay: np.ndarray) -> np.ndarray:
    """Return stay ** (r + x) times 2F1(r + x, b + x; a + b + x - 1; 1 - stay), by the form with the smaller power."""
    use_printed = r + x <= a - 1
    first, second = np.where(use_printed, r + x, a + b - 1 - r), np.where(use_printed, b + x, a - 1)
    return stay ** np.where(use_printed, r + x, a - 1) * hyp2f1(first, second, a + b + x - 1, 1 - stay)


def _regular(parameters: Mapping[str, float]) -> tuple[float, float, float, float]:
    r, alpha, a, b = (parameters[name] for name in PARAMETERS)
    return r, alpha, 1 + _SINGULAR if abs(a - 1) < _SINGULAR else a, b


def _likelihood(values: np.ndarray, x: Levels, t_x: Levels, t: Levels) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-likelihood by customer and its gradient, shape (4, customers)."""
    r, alpha, a, b = values
    n, b_before = x.values, b + np.maximum(x.values, 1) - 1
    log_t, log_t_x, rate = t(np.log(alpha + t.values)), t_x(np.log(alpha + t_x.values)), x(r + n)
    common = gammaln(r + n) - gammaln(r) + r * np.log(alpha) + _beta_ratio(a, b, n)
    odds = x(np.where(n > 0, np.log(a) - np.log(b_before), -np.inf)) + rate * (
        log_t - log_t_x
    )  # odds of having stopped
    stopped = expit(odds)
    alive = 1 - stopped
    shared = psi(a + b) - psi(a + b + n)
    gradient = np.array(
        [
            x(psi(r + n) - psi(r) + np.log(alpha)) - alive * log_t - stopped * log_t_x,
            r / alpha - rate * (alive * t(1 / (alpha + t.values)) + stopped * t_x(1 / (alpha + t_x.values))),
            x(shared) + stopped / a,
            x(shared + psi(b + n) - psi(b)) - stopped * x(1 / b_before),
        ]
    )
    return x(common) - rate * log_t + np.logaddexp(0.0, odds), gradient


def _beta_ratio(a: float, b: float, n: np.ndarray) -> np.ndarray:
    """Return log B(a, b + n) - log B(a, b)."""
    return gammaln(b + n) - gammaln(b) + gammaln(a + b) - gammaln(a + b + n)
