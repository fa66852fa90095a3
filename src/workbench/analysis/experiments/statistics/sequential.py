"""Intervals that stay valid however often one looks: the normal mixture."""

from __future__ import annotations

from math import log, sqrt

__all__ = ["always_valid", "mixture_scale"]


def always_valid(effect: float, error: float, *, scale: float, alpha: float = 0.05) -> tuple[float, float]:
    """Return an interval that holds the truth at all looks together with probability 1 - alpha.

    Parameters
    ----------
    effect, error : float
        The difference and its standard error at this look.
    scale : float
        Standard deviation of the mixture, in units of the effect, fixed before the first look: the effect at which the
        interval is meant to be tight.
    alpha : float

    Returns
    -------
    (float, float)

    Notes
    -----
    Johari, Koomen, Pekelis, Walsh (2017), "Peeking at A/B Tests", equation 6: the mixture sequential probability ratio
    test with a normal mixture, inverted.
    """
    variance, mixture = error**2, scale**2
    if variance == 0:
        return effect, effect
    half = sqrt(variance * (variance + mixture) / mixture * (log((variance + mixture) / variance) - 2 * log(alpha)))
    return effect - half, effect + half


def mixture_scale(error: float, *, alpha: float = 0.05) -> float:
    """Return the mixture's scale that makes the interval tightest at a planned standard error.

    Parameters
    ----------
    error : float
        The standard error expected at the end of the test.
    alpha : float

    Notes
    -----
    Howard, Ramdas, McAuliffe, Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic confidence sequences",
    section 3.5: variance ratio -2 log alpha + log(-2 log alpha + 1), up to a small remainder.
    """
    return error * sqrt(-2 * log(alpha) + log(1 - 2 * log(alpha)))
