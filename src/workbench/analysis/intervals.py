"""How sure is a number? Intervals, adjusted p-values and small cells, for every notebook that shows a share."""

from __future__ import annotations

from collections.abc import Callable
from math import erfc, sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.core.errors import DataError, Fault

__all__ = [
    "LEVEL",
    "SMALL_CELL",
    "benjamini_hochberg",
    "bootstrap_interval",
    "compare_shares",
    "small_cells",
    "tgi",
    "wilson",
]

LEVEL = 0.95  # share of intervals that hold the true value
SMALL_CELL = 10  # customers; a count from 1 to 9 is not shown
TOLERANCE = 1e-9  # share; rounding of doubles


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
        NaN where ``n`` is 0 or either is missing.

    Raises
    ------
    DataError
        When a count is negative or exceeds its ``n``.

    Notes
    -----
    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22:209-212.

    Examples
    --------
    >>> [float(each.round(4)) for each in wilson(1, 10)]
    [0.0179, 0.4042]
    """
    successes, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(n, dtype=float))
    _check_counts(successes, n)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    known = n > 0
    n = np.where(known, n, np.nan)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low = np.where(successes == 0, np.where(known, 0.0, np.nan), np.clip(centre - half, 0, 1))
    high = np.where(successes == n, 1.0, np.clip(centre + half, 0, 1))
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
        Missing values are left out. The values are sorted first, so the order they come in does not matter.
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
    known = np.asarray(values, dtype=float)
    known = np.sort(known[~np.isnan(known)])
    if not known.size:
        return np.nan, np.nan, np.nan
    estimate = float(statistic(known))
    if known.size == 1:
        return estimate, np.nan, np.nan
    draw = np.random.default_rng(seed)
    resampled = [statistic(known[draw.integers(0, known.size, known.size)]) for _ in range(n_bootstraps)]
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return estimate, float(low), float(high)


def tgi(
    successes: ArrayLike, n: ArrayLike, base_share: ArrayLike, *, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the target group index with its interval: 100 means as frequent as in the base.

    Parameters
    ----------
    successes, n : array-like of int
        Group members with the trait, and group members for whom it is known.
    base_share : array-like of float in [0, 1]
        Share with the trait among everybody for whom it is known (the base excludes unknown).
    level : float in (0, 1)

    Returns
    -------
    (index, low, high) : arrays of float >= 0
        NaN where ``n`` is 0 or the base share is 0 or missing: there the index is undefined.

    Notes
    -----
    The interval is Wilson's interval of the group's share over the base share, the base being taken as known.
    Since the group is part of its base this errs on the wide side.

    Examples
    --------
    >>> [float(each.round(1)) for each in tgi(30, 100, 0.2)]
    [150.0, 109.5, 197.9]
    """
    base = np.asarray(base_share, dtype=float)
    base = np.where(base > 0, base, np.nan)
    low, high = wilson(successes, n, level=level)
    n = np.asarray(n, dtype=float)
    share = np.asarray(successes, dtype=float) / np.where(n > 0, n, np.nan)
    return 100 * share / base, 100 * low / base, 100 * high / base


def compare_shares(successes: ArrayLike, n: ArrayLike, base_successes: ArrayLike, base_n: ArrayLike) -> np.ndarray:
    """Return the two-sided p-value that a group and the rest of its base have the same share.

    Parameters
    ----------
    successes, n : array-like of int
        Group members with the trait, and group members in all.
    base_successes, base_n : array-like of int
        The same for the whole base, of which the group is a part.

    Returns
    -------
    array of float in [0, 1]
        NaN where the group or the rest is empty; 1 where everybody or nobody has the trait.

    Notes
    -----
    The N - 1 chi-squared test, advised wherever all expected counts are at least 1:
    I. Campbell (2007), Statistics in Medicine 26:3661-3675.
    """
    arrays = [np.asarray(each, dtype=float) for each in (successes, n, base_successes, base_n)]
    hit, size, base_hit, base = np.broadcast_arrays(*arrays)
    rest, rest_hit = base - size, base_hit - hit
    _check_counts(hit, size)
    _check_counts(rest_hit, rest)
    defined = (size > 0) & (rest > 0)
    trait, no_trait = base_hit, base - base_hit
    scale = np.where(defined & (trait > 0) & (no_trait > 0), size * rest * trait * no_trait, np.nan)
    crossed = hit * (rest - rest_hit) - (size - hit) * rest_hit
    chi_squared = (base - 1) * crossed**2 / scale
    p_value = np.where(np.isnan(chi_squared), 1.0, _both_tails(np.sqrt(np.nan_to_num(chi_squared))))
    return np.where(defined, p_value, np.nan)


def benjamini_hochberg(p_values: ArrayLike) -> np.ndarray:
    """Adjust p-values so that the expected share of false discoveries stays below the level they are cut at.

    Parameters
    ----------
    p_values : array-like of float in [0, 1]
        Missing values stay missing and are not counted as tests.

    Returns
    -------
    array of float in [0, 1]
        In the order given; never below the p-value.

    Notes
    -----
    Y. Benjamini, Y. Hochberg (1995), Journal of the Royal Statistical Society B 57:289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    given = np.asarray(p_values, dtype=float)
    tested = np.flatnonzero(~np.isnan(given))
    order = tested[np.argsort(given[tested], kind="stable")]
    scaled = given[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted = np.full(given.shape, np.nan)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def small_cells(
    counts: pd.DataFrame, *, least: int = SMALL_CELL, hide: np.ndarray | None = None, rows: bool = True
) -> pd.DataFrame:
    """Mark the cells of a cross table that must not be shown.

    A count from 1 to ``least`` - 1 is marked. As long as the marked cells of a row or column could be worked out
    by subtraction (a single one, or together fewer than ``least`` customers) a further count of that row or column is
    marked too: one whose own line has marked cells already, then the smallest. Empty cells are shown as 0 unless they
    are needed as cover.

    Parameters
    ----------
    counts : DataFrame of int >= 0
        Customers by group (rows) and value (columns); each customer stands in one cell.
    least : int
        The smallest count that may be shown.
    hide : array of bool, optional
        Cells that are not to be shown for another reason; they get cover too.
    rows : bool
        Whether the cells of a row add up to a total that is shown; where not, only the columns get cover.

    Returns
    -------
    DataFrame of bool, same labels
        True where the cell is not to be shown.
    """
    table = counts.to_numpy(dtype=float)
    hidden = (table > 0) & (table < least)
    if hide is not None:
        hidden |= hide
    views = [(table, hidden)] * rows + [(table.T, hidden.T)]
    while True:
        before = int(hidden.sum())
        for view, mask in views:
            for row in range(view.shape[0]):
                _cover(view[row], mask[row], mask.sum(axis=0), least)
        if int(hidden.sum()) == before:
            return pd.DataFrame(hidden, index=counts.index, columns=counts.columns)


def _cover(counts: np.ndarray, hidden: np.ndarray, crossing: np.ndarray, least: int) -> None:
    """Hide further counts of one line until the hidden ones cannot be subtracted out.

    Those whose crossing line has hidden cells already go first, so that little else needs cover; then the smallest.
    """
    while hidden.any() and not hidden.all() and (hidden.sum() == 1 or counts[hidden].sum() < least):
        shown = np.flatnonzero(~hidden)
        filled = shown[counts[shown] > 0]
        candidates = filled if filled.size else shown
        order = np.lexsort((candidates, counts[candidates], crossing[candidates] == 0))
        hidden[candidates[order[0]]] = True


def _both_tails(z: np.ndarray) -> np.ndarray:
    """Return the two-sided p-value of standard normal deviates."""
    return np.array([erfc(abs(each) / sqrt(2)) for each in np.ravel(z)]).reshape(np.shape(z))


def _check_counts(successes: np.ndarray, n: np.ndarray) -> None:
    wrong = (successes < -TOLERANCE) | (successes > n + TOLERANCE)
    if wrong.any():
        at = int(np.flatnonzero(np.ravel(wrong))[0])
        found = f"{np.ravel(successes)[at]:g} of {np.ravel(n)[at]:g}"
        raise DataError(
            Fault("share", f"{found} is no share", "0 <= successes <= n", "Count both over the same customers")
        )
