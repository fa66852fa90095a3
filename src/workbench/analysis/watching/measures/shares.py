"""The shares of customers in two runs whose people partly overlap: change, test, stability index with its null band.

A customer of both runs counts in both samples, so the samples are not independent. The covariance of the differences
takes this into account: with all customers in common it is that of the paired test of A. Stuart (1955), Biometrika
42:412-416, with none in common and as many in either run that of Pearson's two-sample test. Samples that overlap in
part: B. Derrick, P. White (2018), International Journal of Mathematics and Statistics 19(1).

Without a change the population stability index (PSI) is a weighted sum of chi-squared variables, for independent
samples (1/n + 1/m) chi-squared with as many degrees of freedom as there are bins less one: B. Yurdakul, J. Naranjo
(2020), Statistical properties of the population stability index, Journal of Risk Model Validation 14(4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri

__all__ = ["Counts", "Shift", "compare_counts", "count_codes", "jensen_shannon", "stability_index"]

_LEAST_EXPECTED = 5.0  # customers of a bin in either run; smaller ones are pooled
_DIGITS = 9  # of a share; two that moved alike are equal
_SMALLEST = 1e-9  # relative size of an eigenvalue that counts as zero


@dataclass(frozen=True)
class Counts:
    """Customers by bin in both runs: ``old``, ``new``, and ``both`` (bin then by bin now) of those in both."""

    old: np.ndarray
    new: np.ndarray
    both: np.ndarray


@dataclass(frozen=True)
class Shift:
    """How far shares moved.

    Attributes
    ----------
    points : float
        The share of customers that moved, in percentage points: of ordered bins the largest change of a cumulative
        share, else the largest change of a share.
    at : int
        The bin at which it moved most.
    psi : float
        Population stability index.
    null_low, null_high : float
        Where the index lies without a change, for these numbers of customers.
    p_value : float
    """

    points: float
    at: int
    psi: float
    null_low: float
    null_high: float
    p_value: float


def count_codes(old: np.ndarray, new: np.ndarray, bins: int, *, pairs: tuple[np.ndarray, np.ndarray]) -> Counts:
    """Count customers by bin.

    Parameters
    ----------
    old, new : array of int
        Bin of every customer of either run; -1: not compared.
    bins : int
    pairs : (old positions, new positions)
        Of the customers of both runs.
    """
    then, now = old[pairs[0]].astype(np.int64), new[pairs[1]].astype(np.int64)
    inside = (then >= 0) & (now >= 0)
    both = np.bincount(then[inside] * bins + now[inside], minlength=bins * bins).reshape(bins, bins)
    everybody = [np.bincount(codes[codes >= 0], minlength=bins) for codes in (old, new)]
    return Counts(everybody[0], everybody[1], both)


def compare_counts(counts: Counts, *, ordered: int = 0, alpha: float = 0.01) -> Shift | None:
    """Compare the shares of two runs.

    Parameters
    ----------
    counts : Counts
    ordered : int
        The first bins are in order (bins of a number); the others, such as missing values, are not.
    alpha : float
        The null band includes the index with probability ``1 - alpha`` where nothing changed.

    Returns
    -------
    Shift or None
        None where a run has nobody, or all are in one bin.
    """
    n_old, n_new = int(counts.old.sum()), int(counts.new.sum())
    if not n_old or not n_new:
        return None
    points, at = _moved(counts.old / n_old, counts.new / n_new, ordered)
    pooled = _pool_small(counts)
    if len(pooled.old) < 2:  # noqa: PLR2004  one bin cannot move
        return None
    difference, covariance, base = _difference(pooled)
    p_value = _wald(difference, covariance)
    psi = stability_index(counts.old, counts.new)
    low, high = _null_band(covariance, base, alpha)
    return Shift(points, at, psi, low, high, p_value)


def stability_index(old: np.ndarray, new: np.ndarray) -> float:
    """Return the population stability index of two counts by bin; half a customer stands in for an empty bin.

    Examples
    --------
    >>> round(stability_index(np.array([50, 50]), np.array([25, 75])), 3)
    0.275
    """
    seen = (old + new) > 0
    then, now = (np.maximum(counts[seen], 0.5) / max(counts.sum(), 1) for counts in (old, new))
    return float(((now - then) * np.log(now / then)).sum())


def jensen_shannon(old: np.ndarray, new: np.ndarray) -> float:
    """Return the Jensen-Shannon distance of two counts by bin: 0 where shares are equal, 1 where none overlap."""
    then, now = old / old.sum(), new / new.sum()
    middle = (then + now) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(share > 0, share * np.log2(share / middle), 0.0).sum() for share in (then, now)]
    return float(np.sqrt(max(sum(parts) / 2, 0.0)))


def _moved(old: np.ndarray, new: np.ndarray, ordered: int) -> tuple[float, int]:
    moved = np.abs(new - old)
    if ordered:
        # of the customers with a value; those without are a bin of their own
        parts = [shares[:ordered] / max(shares[:ordered].sum(), 1e-12) for shares in (old, new)]
        cumulative = np.abs(np.cumsum(parts[1] - parts[0]))
        at = int(cumulative.argmax())
        rest = moved[ordered:]
        if len(rest) and rest.max() > cumulative[at]:
            return 100 * float(rest.max()), ordered + int(rest.argmax())
        return 100 * float(cumulative[at]), at
    at = int(moved.round(_DIGITS).argmax())
    return 100 * float(moved[at]), at


def _pool_small(counts: Counts) -> Counts:
    """Put bins with few customers in either run together."""
    n_old, n_new = counts.old.sum(), counts.new.sum()
    share = (counts.old + counts.new) / (n_old + n_new)
    small = share * min(n_old, n_new) < _LEAST_EXPECTED
    if small.sum() <= 1 and not (small.any() and share[small].sum() == 0):
        keep = ~small | (share > 0)
        return _picked(counts, np.where(keep, np.cumsum(keep) - 1, -1), int(keep.sum()))
    order = np.cumsum(~small) - 1
    target = np.where(small, order.max(initial=-1) + 1, order)
    return _picked(counts, np.where(share > 0, target, -1), int(target.max()) + 1)


def _picked(counts: Counts, target: np.ndarray, bins: int) -> Counts:
    into = np.zeros((len(target), bins))
    into[np.flatnonzero(target >= 0), target[target >= 0]] = 1.0
    pooled = Counts(counts.old @ into, counts.new @ into, into.T @ counts.both @ into)
    filled = (pooled.old + pooled.new) > 0
    return Counts(pooled.old[filled], pooled.new[filled], pooled.both[np.ix_(filled, filled)])


def _difference(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the differences of shares, their covariance without a change, and the shares of both runs together."""
    old, new, both = (part.astype(float) for part in (counts.old, counts.new, counts.both))
    n_old, n_new, n_both = old.sum(), new.sum(), both.sum()
    base = (old + new) / (n_old + n_new)
    then, now = both.sum(axis=1), both.sum(axis=0)

    def centred(products: np.ndarray, first: np.ndarray, second: np.ndarray, n: float) -> np.ndarray:
        return products - np.outer(first, base) - np.outer(base, second) + n * np.outer(base, base)

    own = centred(np.diag(old), old, old, n_old) / n_old**2 + centred(np.diag(new), new, new, n_new) / n_new**2
    shared = centred(both, then, now, n_both) / (n_old * n_new)
    return new / n_new - old / n_old, own - shared - shared.T, base


def _wald(difference: np.ndarray, covariance: np.ndarray) -> float:
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _SMALLEST * max(values.max(initial=0.0), 1e-300)
    if not kept.any():
        return 1.0 if not np.abs(difference).max() else 0.0
    projected = vectors[:, kept].T @ difference
    return float(chdtrc(int(kept.sum()), float((projected**2 / values[kept]).sum())))


def _null_band(covariance: np.ndarray, base: np.ndarray, alpha: float) -> tuple[float, float]:
    """Return the band of the index without a change: its mean and variance matched by a scaled chi-squared variable."""
    scaled = covariance / np.sqrt(np.outer(base, base))
    first, second = float(np.trace(scaled)), float((scaled * scaled).sum())
    if first <= 0 or second <= 0:
        return 0.0, 0.0
    scale, freedom = second / first, first**2 / second
    return float(scale * chdtri(freedom, 1 - alpha / 2)), float(scale * chdtri(freedom, alpha / 2))
