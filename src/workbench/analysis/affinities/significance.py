"""Fisher's exact test and the interval of lift, for many rules at once. Serves 07_mine_affinities."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln
from scipy.stats import norm

__all__ = ["fisher_greater", "lift_interval"]

_NEGLIGIBLE = 1e-18  # smaller terms, relative to the sum, are not added
LEVEL = 0.95


def fisher_greater(both: np.ndarray, first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    """Return the one-sided p-value of Fisher's exact test: the probability of ``both`` or more joint baskets.

    Parameters
    ----------
    both, first, second : ndarray of int
        Baskets with both items, with the first, with the second.
    n : int
        All baskets.

    Returns
    -------
    ndarray of float
        As ``scipy.stats.fisher_exact(alternative="greater")``.
    """
    both, first, second = (np.asarray(counts, dtype=np.float64) for counts in (both, first, second))
    expected = first * second / max(n, 1)
    upper = both > expected
    start = np.where(upper, both, both - 1)
    tail = np.exp(_log_mass(start, first, second, n)) * _relative_tail(start, first, second, n, upper)
    lowest = np.maximum(0, first + second - n)
    tail = np.where(~upper & (both <= lowest), 0.0, tail)
    return np.clip(np.where(upper, tail, 1 - tail), 0.0, 1.0)


def lift_interval(
    both: np.ndarray, first: np.ndarray, second: np.ndarray, n: int, *, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of lift, by the delta method on its logarithm over multinomial counts.

    Parameters
    ----------
    both, first, second : ndarray of int
        As in `fisher_greater`.
    n : int
    level : float

    Returns
    -------
    low, high : ndarray of float
        Missing if no basket contains both items.
    """
    both, first, second = (np.asarray(counts, dtype=np.float64) for counts in (both, first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = both * n / (first * second)
        variance = np.maximum(1 / both - 1 / first - 1 / second + (2 * lift - 1) / n, 0)
        reach = norm.ppf((1 + level) / 2) * np.sqrt(variance)
        low, high = lift * np.exp(-reach), lift * np.exp(reach)
    return np.where(both > 0, low, np.nan), np.where(both > 0, high, np.nan)


def _log_mass(k: np.ndarray, first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    """Return the logarithm of the hypergeometric probability of k joint baskets."""
    valid = (k >= np.maximum(0, first + second - n)) & (k <= np.minimum(first, second))
    safe = np.where(valid, k, np.maximum(0, first + second - n))
    value = _log_choose(second, safe) + _log_choose(n - second, first - safe) - _log_choose(np.float64(n), first)
    return np.where(valid, value, -np.inf)


def _log_choose(n: np.ndarray | float, k: np.ndarray) -> np.ndarray:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _relative_tail(start: np.ndarray, first: np.ndarray, second: np.ndarray, n: int, upper: np.ndarray) -> np.ndarray:
    """Return the sum of the probabilities from ``start`` outwards, divided by the first."""
    total, term, k = np.ones(len(start)), np.ones(len(start)), start.copy()
    active = np.arange(len(start))
    while len(active):
        at, x, y = k[active], first[active], second[active]
        rising = (x - at) * (y - at) / (np.maximum(at + 1, 1) * np.maximum(n - x - y + at + 1, 1))
        falling = at * (n - x - y + at) / ((x - at + 1) * (y - at + 1))
        term[active] *= np.maximum(np.where(upper[active], rising, falling), 0)
        total[active] += term[active]
        k[active] += np.where(upper[active], 1, -1)
        active = active[term[active] > _NEGLIGIBLE * total[active]]
    return total
