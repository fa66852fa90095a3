"""What a comparison needs of an arm: number of units, mean and variance of an outcome.

A ratio metric or an outcome randomised by household is turned into a mean of linearised values (delta method), so that
one comparison serves all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Sample", "arm_slices", "cluster_sample", "linearised", "mean_sample", "ratio_sample", "samples_by_arm"]

LEAST_UNITS = 2  # for a variance
_FIRST = 1000


@dataclass(frozen=True)
class Sample:
    """One arm and one outcome.

    Attributes
    ----------
    n : int
        Units with a value: customers, or clusters where the unit is a cluster.
    mean : float
        Mean or ratio; NaN without units.
    variance : float
        Of one unit (sample variance); NaN with fewer than two units.
    binary : bool
        Every value is 0 or 1 and the unit is the customer.
    """

    n: int
    mean: float
    variance: float
    binary: bool = False

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return float(np.sqrt(self.variance / self.n)) if self.n >= LEAST_UNITS else float("nan")


def mean_sample(values: np.ndarray) -> Sample:
    """Summarise an outcome by its mean; missing values are left out.

    Examples
    --------
    >>> mean_sample(np.array([0.0, 1.0, 1.0, np.nan]))
    Sample(n=3, mean=0.6666666666666666, variance=0.33333333333333337, binary=True)
    """
    return _consumed(values.astype(np.float64, copy=True))


def _consumed(values: np.ndarray) -> Sample:
    """Summarise an outcome in few passes, which overwrite its values."""
    missing = np.flatnonzero(np.isnan(values))
    n = len(values) - len(missing)
    if not n:
        return Sample(0, float("nan"), float("nan"))
    values[missing] = 0.0
    binary = _is_binary(values)
    mean = float(values.sum()) / n
    values[missing] = mean
    values -= mean
    return Sample(n, mean, float(values @ values) / (n - 1) if n >= LEAST_UNITS else float("nan"), binary)


def _is_binary(values: np.ndarray) -> bool:
    """Say whether every value is 0 or 1; a look at the first ones settles most others."""
    return all(bool(((part == 0) | (part == 1)).all()) for part in (values[:_FIRST], values[_FIRST:]))


def ratio_sample(numerators: np.ndarray, denominators: np.ndarray) -> Sample:
    """Summarise a ratio of two sums over units by the delta method.

    Parameters
    ----------
    numerators, denominators : ndarray of float, one element per unit
        Units with either missing are left out.

    Returns
    -------
    Sample
        The ratio of the sums; the variance of a unit's linearised value (y - ratio x) / mean of x. NaN where the
        denominators add up to 0.

    Notes
    -----
    Deng, Knoblich, Lu (2018), "Applying the Delta Method in Metric Analytics", section 3.
    """
    complete = ~(np.isnan(numerators) | np.isnan(denominators))
    y, x = numerators[complete], denominators[complete]
    n, total = len(y), float(x.sum())
    if not n or total == 0:
        return Sample(n, float("nan"), float("nan"))
    ratio = float(y.sum()) / total
    linear = (y - ratio * x) / (total / n)
    return Sample(n, ratio, float(np.var(linear, ddof=1)) if n >= LEAST_UNITS else float("nan"))


def linearised(numerators: np.ndarray, denominators: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Turn a ratio of two sums into one value per unit, whose mean within each arm is the ratio.

    Parameters
    ----------
    numerators, denominators : ndarray of float, one element per unit
        Where either is missing the value is.
    codes : ndarray of int
        The arm of each unit.

    Returns
    -------
    ndarray of float
        ratio + (y - ratio x) / mean of x, by arm; mean and variance of an arm are those of ``ratio_sample``. Missing in
        an arm whose denominators add up to 0.

    Notes
    -----
    Deng, Knoblich, Lu (2018), "Applying the Delta Method in Metric Analytics", section 3.
    """
    complete = ~(np.isnan(numerators) | np.isnan(denominators))
    arm = codes[complete]
    y, x = numerators[complete], denominators[complete]
    n, above, below = (np.bincount(arm, weights=part) for part in (None, y, x))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio, mean = above / below, below / n
        values = ratio[arm] + (y - ratio[arm] * x) / mean[arm]
    linear = np.full(len(numerators), np.nan)
    linear[complete] = np.where(np.isfinite(values), values, np.nan)
    return linear


def cluster_sample(values: np.ndarray, clusters: np.ndarray) -> Sample:
    """Summarise an outcome of customers who were assigned by cluster: mean over customers, error over clusters.

    Parameters
    ----------
    values : ndarray of float, one element per customer
        Missing values are left out.
    clusters : ndarray
        The cluster of each customer.
    """
    present = ~np.isnan(values)
    _, codes = np.unique(clusters[present], return_inverse=True)
    sums = np.bincount(codes, weights=values[present])
    return ratio_sample(sums, np.bincount(codes).astype(float))


def arm_slices(codes: np.ndarray, arms: int) -> tuple[np.ndarray, np.ndarray]:
    """Sort the rows by arm, once for all outcomes.

    Parameters
    ----------
    codes : ndarray of int
        The arm of each row, 0 to ``arms`` - 1.
    arms : int

    Returns
    -------
    (ndarray, ndarray)
        The rows in order of their arms; where each arm begins, and the number of rows.
    """
    small = codes.astype(np.int16)  # sorted by counting
    bounds = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=arms))])
    return np.argsort(small, kind="stable"), bounds


def samples_by_arm(
    values: np.ndarray, codes: np.ndarray, arms: int, *, slices: tuple[np.ndarray, np.ndarray] | None = None
) -> list[Sample]:
    """Summarise an outcome of every arm.

    Parameters
    ----------
    values : ndarray of float
    codes : ndarray of int
        The arm of each row, 0 to ``arms`` - 1.
    arms : int
    slices : (ndarray, ndarray), optional
        From ``arm_slices``, where several outcomes have the same rows.

    Returns
    -------
    list of Sample
        Equal to ``mean_sample`` of each arm's values.
    """
    order, bounds = slices or arm_slices(codes, arms)
    own = np.asarray(values)[order].astype(np.float64, copy=False)  # a copy, by arm; a Series is taken by place
    return [_consumed(own[bounds[arm] : bounds[arm + 1]]) for arm in range(arms)]
