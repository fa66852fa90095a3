"""Pareto/NBD: each customer buys at an individual rate and leaves at an individual time (Schmittlein et al. 1987).

Parameters: r, alpha (purchase rates, gamma), s, beta (rates of leaving, gamma). Time in weeks. The integral over the
unobserved time of leaving is computed over its logarithm, where the integrand is smooth, by Gauss-Legendre quadrature.
This stays exact where the usual difference of two hypergeometric functions loses precision by cancellation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import gammaln, psi

from workbench.analysis.value.models.fitting import Fit, maximise

__all__ = ["PARAMETERS", "alive_probability", "expected_orders", "expected_orders_of_new", "fit", "log_likelihood"]

PARAMETERS = ("r", "alpha", "s", "beta")
_STARTS = (
    {"r": 0.5, "alpha": 10.0, "s": 0.6, "beta": 12.0},
    {"r": 1.0, "alpha": 20.0, "s": 1.5, "beta": 60.0},
    {"r": 0.3, "alpha": 3.0, "s": 0.2, "beta": 3.0},
)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_NOTHING = 40.0  # the integral ends where the integrand is exp(-40) of its maximum
_CHUNK = 50_000  # customers per chunk, to limit memory


def fit(x: np.ndarray, t_x: np.ndarray, t: np.ndarray, weight: np.ndarray | None = None) -> Fit:
    """Fit by maximum likelihood; arguments as for ``bg_nbd.fit``.

    Notes
    -----
    D. C. Schmittlein, D. G. Morrison, R. Colombo (1987), Counting your customers, Management Science 33(1):1-24;
    P. S. Fader, B. G. S. Hardie (2005), A note on deriving the Pareto/NBD model, equation 19.
    """
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=float)
    scale = max(float(np.average(t, weights=weight)), 1e-9) / 30.0
    starts = [{**start, "alpha": start["alpha"] * scale, "beta": start["beta"] * scale} for start in _STARTS]

    def likelihood(values: np.ndarray, rows: slice) -> tuple[float, np.ndarray]:
        total, gradient = 0.0, np.zeros(len(PARAMETERS))
        columns = [column[rows] for column in (x, t_x, t, weight)]
        for start in range(0, len(columns[0]), _CHUNK):
            *data, weights = (column[start : start + _CHUNK] for column in columns)
            by_row, slope = _likelihood(values, *data)
            total += float(weights @ by_row)
            gradient += slope @ weights
        return total, gradient

    return maximise(likelihood, PARAMETERS, starts, weight=weight)


def log_likelihood(parameters: Mapping[str, float], x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each customer; arrays as for `fit`."""
    return _likelihood(np.array([parameters[name] for name in PARAMETERS]), x, t_x, t)[0]


def alive_probability(
    parameters: Mapping[str, float] | Mapping[str, np.ndarray], x: np.ndarray, t_x: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """Return the probability that each customer has not left by the end."""
    values = np.array([parameters[name] for name in PARAMETERS])
    parts = [np.empty(0)]
    for start in range(0, len(x), _CHUNK):
        stayed, left, _ = _terms(values, *(column[start : start + _CHUNK] for column in (x, t_x, t)))
        parts.append(np.exp(stayed - np.logaddexp(stayed, left)))
    return np.concatenate(parts)


def expected_orders(
    parameters: Mapping[str, float], x: np.ndarray, t_x: np.ndarray, t: np.ndarray, *, weeks: float
) -> np.ndarray:
    """Return the purchase days each customer is expected to have in the next weeks.

    Fader & Hardie (2005), equation 41.
    """
    r, alpha, s, beta = (parameters[name] for name in PARAMETERS)
    rate = (r + x) * (beta + t) / (alpha + t)
    return rate * _left_over(s, np.log1p(weeks / (beta + t))) * alive_probability(parameters, x, t_x, t)


def expected_orders_of_new(parameters: Mapping[str, float], weeks: np.ndarray) -> np.ndarray:
    """Return the repeat purchase days a new customer is expected to have within some weeks."""
    r, alpha, s, beta = (parameters[name] for name in PARAMETERS)
    return r * beta / alpha * _left_over(s, np.log1p(np.asarray(weeks, dtype=float) / beta))


def _left_over(s: float, log_ratio: np.ndarray) -> np.ndarray:
    """Return (1 - exp(-(s - 1) log_ratio)) / (s - 1), which is log_ratio at s = 1."""
    distance = s - 1
    return log_ratio if abs(distance) < 1e-9 else -np.expm1(-distance * log_ratio) / distance


def _likelihood(values: np.ndarray, x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the log-likelihood by customer and its gradient, shape (4, customers)."""
    r, alpha, s, beta = values
    stayed, left, moments = _terms(values, x, t_x, t)
    log_sum = np.logaddexp(stayed, left)
    p_stayed, p_left = np.exp(stayed - log_sum), np.exp(left - log_sum)
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    log_alpha, over_alpha, log_beta, over_beta = moments
    gradient = np.array(
        [
            psi(r + x) - psi(r) + np.log(alpha) - p_stayed * np.log(alpha + t) - p_left * log_alpha,
            r / alpha - (r + x) * (p_stayed / (alpha + t) + p_left * over_alpha),
            np.log(beta) - p_stayed * np.log(beta + t) + p_left * (1 / s - log_beta),
            s / beta - p_stayed * s / (beta + t) - p_left * (s + 1) * over_beta,
        ]
    )
    return common + log_sum, gradient


def _terms(
    values: np.ndarray, x: np.ndarray, t_x: np.ndarray, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """Return the log-likelihoods of staying and of leaving in between, and means over the time of leaving.

    The second is log s + log of the integral of (alpha + u) ** -(r + x) (beta + u) ** -(s + 1) over u in [t_x, t],
    computed over y = log(c + u), c the smaller of alpha and beta, from its maximum to where it is negligible. The means
    are those of log(alpha + u), 1 / (alpha + u), log(beta + u) and 1 / (beta + u) with the integrand as weight.
    """
    r, alpha, s, beta = values
    x, t_x, t = (np.asarray(column, dtype=float) for column in (x, t_x, t))
    stayed = -(r + x) * np.log(alpha + t) - s * np.log(beta + t)
    a, b = alpha + t_x, beta + t_x
    lowest, other = (a, b) if alpha < beta else (b, a)
    reach = np.minimum(a * np.expm1(np.minimum(_NOTHING / (r + x), 100)), b * np.expm1(min(_NOTHING / s, 100)))
    half_width = np.log1p(np.minimum(t - t_x, reach) / lowest) / 2
    rise = half_width[:, None] * (_NODES + 1)  # log(c + u) minus its minimum
    slower = np.log1p(np.expm1(rise) * (lowest / other)[:, None])
    rise_a, rise_b = (rise, slower) if alpha < beta else (slower, rise)
    integrand = _WEIGHTS * np.exp(rise - (r + x)[:, None] * rise_a - (s + 1) * rise_b)
    total = integrand.sum(axis=1)
    with np.errstate(divide="ignore"):
        left = np.log(s) - (r + x) * np.log(a) - (s + 1) * np.log(b) + np.log(lowest * half_width * total)
    integrand /= total[:, None]
    over_a, over_b = ((integrand * np.exp(-rise_of)).sum(axis=1) for rise_of in (rise_a, rise_b))
    log_a, log_b = ((integrand * rise_of).sum(axis=1) for rise_of in (rise_a, rise_b))
    return stayed, left, (np.log(a) + log_a, over_a / a, np.log(b) + log_b, over_b / b)
