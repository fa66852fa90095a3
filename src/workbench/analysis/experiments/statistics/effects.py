"""The effect of an arm against its control: difference, interval, p-value, relative lift, smallest visible effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from workbench.analysis.intervals import wilson

if TYPE_CHECKING:
    from workbench.analysis.experiments.statistics.samples import Sample

__all__ = ["Effect", "compare", "detectable"]

POWER = 0.8
_NAN = float("nan")


@dataclass(frozen=True)
class Effect:
    """An arm against its control.

    Attributes
    ----------
    n_treated, n_control : int
    mean_treated, mean_control : float
    effect, low, high : float
        Difference of means, rates or ratios, with its interval.
    p_value : float
        Two-sided.
    error : float
        Standard error of the difference.
    relative, relative_low, relative_high : float
        Effect divided by the mean of the control, interval by the delta method; NaN where that mean is 0.
    detectable : float
        Smallest effect that a test of this size shows with a power of 80 %.
    method : str
        ``newcombe``, ``welch`` or ``delta``; empty without an effect.
    """

    n_treated: int
    n_control: int
    mean_treated: float
    mean_control: float
    effect: float = _NAN
    low: float = _NAN
    high: float = _NAN
    p_value: float = _NAN
    error: float = _NAN
    relative: float = _NAN
    relative_low: float = _NAN
    relative_high: float = _NAN
    detectable: float = _NAN
    method: str = ""


def compare(treated: Sample, control: Sample, *, alpha: float = 0.05, ratio: bool = False) -> Effect:
    """Compare an arm with its control.

    Parameters
    ----------
    treated, control : Sample
    alpha : float
        The interval has level 1 - alpha.
    ratio : bool
        The samples are ratios or clusters, so the method is ``delta``.

    Returns
    -------
    Effect
        Rates: Newcombe's hybrid score interval (Newcombe 1998, Statistics in Medicine 17:873, method 10) and the
        p-value of the pooled z-test; the relative change has Katz's log interval (Katz et al. 1978, Biometrics
        34:469). Means: Welch's interval and test; the relative change by the delta method. Without an effect where an
        arm has fewer than two units.
    """
    counts = (treated.n, control.n, treated.mean, control.mean)
    if np.isnan(treated.variance) or np.isnan(control.variance):
        return Effect(*counts)
    effect = treated.mean - control.mean
    error = float(np.hypot(treated.error, control.error))
    if treated.binary and control.binary:
        low, high = _newcombe(treated, control, alpha)
        p_value, method = _pooled(treated, control), "newcombe"
    else:
        degrees = _degrees(treated, control)
        half = float(stats.t.ppf(1 - alpha / 2, degrees)) * error if error else 0.0
        low, high = effect - half, effect + half
        p_value = float(2 * stats.t.sf(abs(effect) / error, degrees)) if error else float(effect == 0)
        method = "delta" if ratio else "welch"
    relative = _relative(treated, control, alpha)
    return Effect(*counts, effect, low, high, p_value, error, *relative, detectable(error, alpha=alpha), method)


def detectable(error: float, *, alpha: float = 0.05, power: float = POWER) -> float:
    """Return the smallest effect that a two-sided test with this standard error shows with the given power."""
    return float((stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)) * error)


def _newcombe(treated: Sample, control: Sample, alpha: float) -> tuple[float, float]:
    (first_low, first_high), (second_low, second_high) = (
        wilson(sample.mean * sample.n, sample.n, level=1 - alpha) for sample in (treated, control)
    )
    effect = treated.mean - control.mean
    below = np.hypot(treated.mean - first_low, second_high - control.mean)
    above = np.hypot(first_high - treated.mean, control.mean - second_low)
    return float(effect - below), float(effect + above)


def _pooled(treated: Sample, control: Sample) -> float:
    rate = (treated.mean * treated.n + control.mean * control.n) / (treated.n + control.n)
    error = np.sqrt(rate * (1 - rate) * (1 / treated.n + 1 / control.n))
    return float(2 * stats.norm.sf(abs(treated.mean - control.mean) / error)) if error else 1.0


def _degrees(treated: Sample, control: Sample) -> float:
    """Return the degrees of freedom of Welch and Satterthwaite."""
    parts = np.array([treated.error**2, control.error**2])
    below = (parts**2 / np.array([treated.n - 1, control.n - 1])).sum()
    return float(parts.sum() ** 2 / below) if below else float(treated.n + control.n - 2)


def _relative(treated: Sample, control: Sample, alpha: float) -> tuple[float, float, float]:
    if control.mean == 0:
        return _NAN, _NAN, _NAN
    ratio = treated.mean / control.mean
    quantile = float(stats.norm.ppf(1 - alpha / 2))
    if treated.binary and control.binary and ratio > 0:
        parts = [(1 - sample.mean) / (sample.n * sample.mean) for sample in (treated, control)]
        factor = float(np.exp(quantile * np.sqrt(sum(parts))))
        return ratio - 1, ratio / factor - 1, ratio * factor - 1
    error = np.hypot(treated.error, ratio * control.error) / abs(control.mean)
    half = quantile * float(error)
    return ratio - 1, ratio - 1 - half, ratio - 1 + half
