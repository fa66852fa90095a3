"""A watched figure: one column of customers in two runs, for all, the same, those who entered and those who left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from workbench.analysis.watching.measures.bins import MISSING, Binned, bin_levels, bin_numbers
from workbench.analysis.watching.measures.shares import Counts, Shift, compare_counts, count_codes, jensen_shannon

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from workbench.analysis.watching.pairing import Pairing

__all__ = ["CUSTOMERS", "DEFINITION", "SOURCE", "Figure", "watch_levels", "watch_numbers"]

DEFINITION, SOURCE, CUSTOMERS = "definition", "source", "customers"
DISTRIBUTION, EMPTY, CONSTANT, SCALE = "distribution", "missing", "constant", "scale"
_SCALES = (10.0, 100.0, 1000.0, 10_000.0)
_NEAR_SCALE = 0.05  # of a power of ten
_FEWEST_FOR_SCALE, _SAMPLE = 30, 100_000


@dataclass(frozen=True)
class Figure:
    """One row of the table ``drift``, before it is judged.

    Attributes
    ----------
    subject, name : str
    kind : str
        definition, source or customers.
    population : str
        all, same, entered, left.
    old, new : float
        Mean of a number, share of the level that moved most, or a count.
    change : float
        Percentage points of customers that moved, with the sign of the direction; missing where nothing is compared.
    statistic, null_low, null_high, p_value : float
        Stability index, its band without a change, p-value of the test.
    what : str
        What happened: distribution, missing, constant, scale, or a fact such as volume.
    family : str
        Figures of a family give one alarm.
    distance : float
        Of numbers Wasserstein's, in standard deviations; of levels that of Jensen and Shannon, 0 to 1.
    certain : bool
        True for a fact that needs no test.
    one_sided : bool
        Only a rise is an alarm: of customers without a value, a score, a tag.
    n_old, n_new : int
        Customers of either run behind it.
    """

    subject: str
    name: str
    kind: str
    population: str
    old: float = np.nan
    new: float = np.nan
    change: float = np.nan
    statistic: float = np.nan
    null_low: float = np.nan
    null_high: float = np.nan
    p_value: float = np.nan
    what: str = DISTRIBUTION
    family: str = ""
    distance: float = np.nan
    certain: bool = False
    one_sided: bool = False
    n_old: int = 0
    n_new: int = 0


def watch_numbers(
    subject: str,
    name: str,
    old: np.ndarray,
    new: np.ndarray,
    pairing: Pairing,
    *,
    alpha: float = 0.01,
    within: tuple[np.ndarray, np.ndarray] | None = None,
    family: str = "",
    by_mean: bool = False,
) -> list[Figure]:
    """Compare a number in two runs.

    Parameters
    ----------
    subject, name : str
    old, new : array of float
        One value per customer of either run; NaN where missing.
    pairing : Pairing
    alpha : float
    within : (array of bool, array of bool), optional
        The customers of either run that are compared.
    family : str
    by_mean : bool
        The change is at most what the difference of the means moves: of scores, which a model that is trained anew
        spreads a little otherwise.

    Returns
    -------
    list of Figure
        Of all, and where customers are in both runs and others are not, of the same, of those who entered and left.
    """
    binned = _within(bin_numbers(old, new), within)
    means = tuple(_masked(values, codes) for values, codes in ((old, binned.old), (new, binned.new)))
    figures, counts = [], _joint(binned, pairing)
    for population, sides in _populations(binned, pairing).items():
        old_values, new_values = (values[at] for values, at in zip(means, sides, strict=True))
        mean_old, mean_new = _mean(old_values), _mean(new_values)
        shift = _shift(counts, binned.ordered, population, alpha)
        sign = -1.0 if mean_new < mean_old else 1.0
        moved: dict[str, Any] = {} if shift is None else {"change": sign * shift.points, **_test(shift)}
        what = _what(old_values, new_values, binned, shift) if shift is not None else DISTRIBUTION
        kind = CUSTOMERS if what == DISTRIBUTION else SOURCE
        if what == EMPTY:
            mean_old, mean_new = (float(np.mean(~np.isfinite(values))) for values in (old_values, new_values))
        if by_mean and what == DISTRIBUTION and moved:
            moved["change"] = sign * min(shift.points, _points_of_means(old_values, new_values))  # type: ignore[union-attr]
        distance = _wasserstein(old_values, new_values, binned, sides) if population == "all" else np.nan
        figures.append(
            Figure(
                subject,
                name,
                kind,
                population,
                mean_old,
                mean_new,
                **moved,
                what=what,
                family=family or name,
                distance=distance,
                n_old=len(sides[0]),
                n_new=len(sides[1]),
            )  # fmt: skip
        )
    return figures


def watch_levels(
    subject: str,
    name: str,
    old: pd.Series,
    new: pd.Series,
    pairing: Pairing,
    *,
    alpha: float = 0.01,
    within: tuple[np.ndarray, np.ndarray] | None = None,
    family: str = "",
    least: int = 10,
    levels: Sequence[str] | None = None,
) -> list[Figure]:
    """Compare the levels of a category in two runs; the parameters are those of `watch_numbers`.

    A figure is named after the level that moved most, as ``name=level``; a level with fewer than ``least`` customers
    in both runs is not named. ``levels`` names all levels; of two that moved alike the first stands for the figure.
    """
    binned = _within(bin_levels(old, new, levels=levels), within)
    populations = _populations(binned, pairing)
    joint = _joint(binned, pairing)
    shifts = {population: _shift(joint, binned.ordered, population, alpha) for population in populations}
    if shifts["all"] is None:
        return []
    at = shifts["all"].at
    empty = at == len(binned.names)
    level = MISSING if empty else str(binned.names[at])
    common: dict[str, Any] = {"what": EMPTY if empty else DISTRIBUTION, "family": family or name}
    figures = []
    for population, sides in populations.items():
        counts = [
            _counts(codes, side, binned.size) for codes, side in zip((binned.old, binned.new), sides, strict=True)
        ]
        if population == "all" and max(count[at] for count in counts) < least:
            level = ""
        n_old, n_new = (int(count.sum()) for count in counts)
        shares = [float(count[at] / n) if n else np.nan for count, n in zip(counts, (n_old, n_new), strict=True)]
        distance = jensen_shannon(*counts) if population == "all" else np.nan
        figures.append(
            Figure(
                subject, f"{name}={level}" if level else name, SOURCE if empty else CUSTOMERS, population,
                old=shares[0], new=shares[1], change=100 * (shares[1] - shares[0]), n_old=n_old, n_new=n_new,
                distance=distance, **_test(shifts[population]), **common,
            )
        )  # fmt: skip
    return figures


def _counts(codes: np.ndarray, at: np.ndarray, bins: int) -> np.ndarray:
    return np.bincount(codes[at], minlength=bins)


def _test(shift: Shift | None) -> dict[str, Any]:
    """Return index, band and p-value as fields of a figure; none where nothing was compared."""
    if shift is None:
        return {}
    names = {"statistic": shift.psi, "null_low": shift.null_low, "null_high": shift.null_high}
    return {**names, "p_value": shift.p_value}


def _within(binned: Binned, within: tuple[np.ndarray, np.ndarray] | None) -> Binned:
    if within is None:
        return binned
    codes = [np.where(inside, codes, -1) for codes, inside in zip((binned.old, binned.new), within, strict=True)]
    return Binned(codes[0], codes[1], binned.names, binned.ordered)


def _populations(binned: Binned, pairing: Pairing) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the positions of the customers of each population in both runs."""
    everybody = (np.flatnonzero(binned.old >= 0), np.flatnonzero(binned.new >= 0))
    compared = (binned.old[pairing.old] >= 0) & (binned.new[pairing.new] >= 0)
    same = (pairing.old[compared], pairing.new[compared])
    populations = {"all": everybody}
    if len(same[0]) and (len(same[0]) < len(everybody[0]) or len(same[1]) < len(everybody[1])):
        nobody = np.array([], dtype=np.int64)
        populations["same"] = same
        populations["entered"] = (nobody, _others(binned.new, same[1]))
        populations["left"] = (_others(binned.old, same[0]), nobody)
    return populations


def _others(codes: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Return the positions of the compared customers that are not among some."""
    others = codes >= 0
    others[same] = False
    return np.flatnonzero(others)


def _joint(binned: Binned, pairing: Pairing) -> Counts:
    return count_codes(binned.old, binned.new, binned.size, pairs=(pairing.old, pairing.new))


def _shift(counts: Counts, ordered: int, population: str, alpha: float) -> Shift | None:
    if population == "same":
        counts = Counts(counts.both.sum(axis=1), counts.both.sum(axis=0), counts.both)
    elif population != "all":
        return None
    return compare_counts(counts, ordered=ordered, alpha=alpha)


def _masked(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return np.where(codes >= 0, values, np.nan)


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _points_of_means(old: np.ndarray, new: np.ndarray) -> float:
    """Return the share of customers that a difference of means moves: 2 Phi(d / 2) - 1 for d standard deviations."""
    then, now = (values[np.isfinite(values)] for values in (old, new))
    if not len(then) or not len(now):
        return float("nan")
    spread = float(np.sqrt((then.var() + now.var()) / 2))
    effect = abs(float(now.mean() - then.mean())) / spread if spread > 0 else 0.0
    return 100 * (2 * float(ndtr(effect / 2)) - 1)


def _what(old: np.ndarray, new: np.ndarray, binned: Binned, shift: Shift) -> str:
    """Say what moved: the missing values, a number that is constant now, its unit, or its distribution."""
    if shift.at >= binned.ordered:
        return EMPTY
    then, now = (values[np.isfinite(values)] for values in (old, new))
    if not len(then) or not len(now):
        return EMPTY
    if now.min() == now.max() and then.min() < then.max():
        return CONSTANT
    then, now = (values[:: max(1, len(values) // _SAMPLE)] for values in (then, now))  # enough for a median
    then, now = then[then > 0], now[now > 0]
    if min(len(then), len(now)) >= _FEWEST_FOR_SCALE and binned.ordered > 2:  # noqa: PLR2004
        ratio = float(np.median(now) / np.median(then))
        if any(abs(ratio * by - 1) <= _NEAR_SCALE for scale in _SCALES for by in (scale, 1 / scale)):
            return SCALE
    return DISTRIBUTION


def _wasserstein(old: np.ndarray, new: np.ndarray, binned: Binned, sides: tuple[np.ndarray, np.ndarray]) -> float:
    """Return the distance of the binned values at the means of their bins, in standard deviations of both runs."""
    sums, counts = np.zeros(binned.ordered), np.zeros((2, binned.ordered))
    squares = total = 0.0
    for side, (values, codes) in enumerate(((old, binned.old[sides[0]]), (new, binned.new[sides[1]]))):
        finite = np.isfinite(values) & (codes < binned.ordered)
        counts[side] = np.bincount(codes[finite], minlength=binned.ordered)[: binned.ordered]
        sums += np.bincount(codes[finite], weights=values[finite], minlength=binned.ordered)[: binned.ordered]
        squares, total = squares + float((values[finite] ** 2).sum()), total + float(values[finite].sum())
    n = counts.sum()
    if not counts.sum(axis=1).all() or n < 2:  # noqa: PLR2004
        return float("nan")
    filled = counts.sum(axis=0) > 0
    centres = sums[filled] / counts.sum(axis=0)[filled]
    cumulative = np.cumsum(counts[:, filled] / counts.sum(axis=1, keepdims=True), axis=1)
    spread = np.sqrt(max(squares / n - (total / n) ** 2, 0.0))
    moved = float((np.abs(cumulative[0] - cumulative[1])[:-1] * np.diff(centres)).sum())
    return moved / float(spread) if spread > 0 else 0.0
