"""Intervals, adjusted p-values and small cells, for every notebook that shows a share."""

from __future__ import annotations

from collections.abc import Callable
from math import erfc, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from workbench.core.errors import DataError, Fault

__all__ = [
    "LEVEL",
    "SMALL_CELL",
    "benjamini_hochberg",
    "bootstrap_interval",
    "compare_shares",
    "tgi",
    "wilson",
]

LEVEL = 0.95  # share of intervals that cover the true value
SMALL_CELL = 10  # customers; a count from 1 to 9 is not shown
TOLERANCE = 1e-9  # tolerance for rounding errors, as a share


def wilson(successes: ArrayLike, n: ArrayLike, *, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return the Wilson score interval of a share, element by element.

    Parameters
    ----------
    successes, n : array-like of int
        Customers with the trait and customers in all; they broadcast.
    level : float in (0, 1)
        Coverage.

    Returns
    -------
    (low, high) : arrays of float in [0, 1]
        NaN where ``n`` is 0 or either value is missing.

    Raises
    ------
    DataError
        When a count is negative or exceeds its ``n``.

    Notes
    -----
    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22:209-212.

    Examples
    --------
    >>> [float(bound.round(4)) for bound in wilson(1, 10)]
    [0.0179, 0.4042]
    """
    successes, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(n, dtype=float))
    _check_counts(successes, n)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    is_defined = n > 0
    n = np.where(is_defined, n, np.nan)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low = np.where(successes == 0, np.where(is_defined, 0.0, np.nan), np.clip(centre - half_width, 0, 1))
    high = np.where(successes == n, 1.0, np.clip(centre + half_width, 0, 1))
    return low, high


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[[np.ndarray], float],
    *,
    seed: int,
    n_bootstraps: int = 1000,
    level: float = LEVEL,
) -> tuple[float, float, float]:
    """Return a statistic with its percentile bootstrap interval.

    Parameters
    ----------
    values : array-like of float, one per customer
        Missing values are left out. The values are sorted first, so their order does not matter.
    statistic : callable
        Takes an array of values, returns a number.
    seed : int
    n_bootstraps : int
        Resamples.
    level : float in (0, 1)

    Returns
    -------
    (estimate, low, high) : floats
        All NaN without values; low and high NaN with a single value.

    Notes
    -----
    B. Efron (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7:1-26.
    """
    sample = np.asarray(values, dtype=float)
    sample = np.sort(sample[~np.isnan(sample)])
    if not sample.size:
        return np.nan, np.nan, np.nan
    estimate = float(statistic(sample))
    if sample.size == 1:
        return estimate, np.nan, np.nan
    rng = np.random.default_rng(seed)
    resampled = [statistic(sample[rng.integers(0, sample.size, sample.size)]) for _ in range(n_bootstraps)]
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return estimate, float(low), float(high)


def tgi(
    successes: ArrayLike, n: ArrayLike, base_share: ArrayLike, *, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the target group index with its interval: 100 means as frequent as in the base.

    Parameters
    ----------
    successes, n : array-like of int
        Group members with the trait, and group members with a known value.
    base_share : array-like of float in [0, 1]
        Share with the trait among all customers with a known value.
    level : float in (0, 1)

    Returns
    -------
    (index, low, high) : arrays of float >= 0
        NaN where the index is undefined: ``n`` is 0, or the base share is 0 or missing.

    Notes
    -----
    The interval is Wilson's interval of the group's share divided by the base share, which is taken as exact. Since the
    group is part of its base, the interval is conservative.

    Examples
    --------
    >>> [float(bound.round(1)) for bound in tgi(30, 100, 0.2)]
    [150.0, 109.5, 197.9]
    """
    base = np.asarray(base_share, dtype=float)
    base = np.where(base > 0, base, np.nan)
    low, high = wilson(successes, n, level=level)
    n = np.asarray(n, dtype=float)
    share = np.asarray(successes, dtype=float) / np.where(n > 0, n, np.nan)
    return 100 * share / base, 100 * low / base, 100 * high / base


def compare_shares(successes: ArrayLike, n: ArrayLike, base_successes: ArrayLike, base_n: ArrayLike) -> np.ndarray:
    """Return the two-sided p-value for equal shares in a group and the rest of its base.

    Parameters
    ----------
    successes, n : array-like of int
        Group members with the trait, and group members in all.
    base_successes, base_n : array-like of int
        The same for the whole base, which includes the group.

    Returns
    -------
    array of float in [0, 1]
        NaN where the group or the rest is empty; 1 where all or none have the trait.

    Notes
    -----
    The N - 1 chi-squared test, recommended when all expected counts are at least 1:
    I. Campbell (2007), Statistics in Medicine 26:3661-3675.
    """
    floats = [np.asarray(counts, dtype=float) for counts in (successes, n, base_successes, base_n)]
    hits, size, base_hits, base = np.broadcast_arrays(*floats)
    rest, rest_hits = base - size, base_hits - hits
    _check_counts(hits, size)
    _check_counts(rest_hits, rest)
    is_defined = (size > 0) & (rest > 0)
    with_trait, without_trait = base_hits, base - base_hits
    scale = np.where(
        is_defined & (with_trait > 0) & (without_trait > 0), size * rest * with_trait * without_trait, np.nan
    )
    difference = hits * (rest - rest_hits) - (size - hits) * rest_hits
    chi_squared = (base - 1) * difference**2 / scale
    p_value = np.where(np.isnan(chi_squared), 1.0, _both_tails(np.sqrt(np.nan_to_num(chi_squared))))
    return np.where(is_defined, p_value, np.nan)


def benjamini_hochberg(p_values: ArrayLike) -> np.ndarray:
    """Adjust p-values for the false discovery rate: selecting those up to a level keeps the rate below that level.

    Parameters
    ----------
    p_values : array-like of float in [0, 1]
        Missing values stay missing and are not counted as tests.

    Returns
    -------
    array of float in [0, 1]
        In the order of the input; never below the p-value.

    Notes
    -----
    Y. Benjamini, Y. Hochberg (1995), Journal of the Royal Statistical Society B 57:289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    values = np.asarray(p_values, dtype=float)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    scaled = values[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted = np.full(values.shape, np.nan)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _both_tails(z: np.ndarray) -> np.ndarray:
    """Return the two-sided p-value of standard normal deviates."""
    return np.array([erfc(abs(deviate) / sqrt(2)) for deviate in np.ravel(z)]).reshape(np.shape(z))


def _check_counts(successes: np.ndarray, n: np.ndarray) -> None:
    is_invalid = (successes < -TOLERANCE) | (successes > n + TOLERANCE)
    if is_invalid.any():
        first_invalid = int(np.flatnonzero(np.ravel(is_invalid))[0])
        ratio = f"{np.ravel(successes)[first_invalid]:g} of {np.ravel(n)[first_invalid]:g}"
        raise DataError(
            Fault("share", f"{ratio} is not a share", "0 <= successes <= n", "Count both over the same customers")
        )
