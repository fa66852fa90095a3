"""Bins of a column in two runs: tenths of a number, levels of a category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Binned", "bin_levels", "bin_numbers"]

TENTHS = 10
MOST_LEVELS = 30  # of a category; rarer ones are one level
_SAMPLE = 100_000  # values from which the cuts are taken
OTHER, MISSING = "other", "missing"


@dataclass(frozen=True)
class Binned:
    """The bins of a column.

    Attributes
    ----------
    old, new : array of int
        Bin of every customer of either run.
    names : tuple
        Of the bins; of a number the upper bounds, the last one open.
    ordered : int
        How many of them, the first ones, are in order.
    """

    old: np.ndarray
    new: np.ndarray
    names: tuple
    ordered: int = 0

    @property
    def size(self) -> int:
        """The number of bins, that of missing values included."""
        return len(self.names) + 1


def bin_numbers(old: np.ndarray, new: np.ndarray, *, bins: int = TENTHS) -> Binned:
    """Cut a number at the quantiles of both runs together; missing and infinite values are the last bin.

    Cuts are taken from every k-th value of at most 100 000 of either run. A value that many customers share gets a
    bin of its own, so that a shift onto it is seen.

    Examples
    --------
    >>> binned = bin_numbers(np.array([0.0, 0, 1, np.nan]), np.array([0.0, 1, 1, 5]), bins=4)
    >>> binned.names, binned.old.tolist(), binned.new.tolist()
    ((0.0, 1.0, inf), [0, 0, 1, 3], [0, 1, 1, 2])
    """
    sampled = np.concatenate([values[:: max(1, len(values) // _SAMPLE)] for values in (old, new)])
    sampled = sampled[np.isfinite(sampled)]
    bounds = np.array([])
    if len(sampled):
        cuts = np.unique(np.quantile(sampled, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
        bounds = cuts[cuts < sampled.max()]
    names = (*map(float, bounds), float("inf"))
    return Binned(_placed(old, bounds), _placed(new, bounds), names, len(bounds) + 1)


def _placed(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    codes = np.zeros(len(values), dtype=np.int16)
    for bound in bounds:
        codes += values > bound
    codes[~np.isfinite(values)] = len(bounds) + 1
    return codes


def bin_levels(old: pd.Series, new: pd.Series, *, levels: Sequence[str] | None = None) -> Binned:
    """Give every level of a category its bin, the most frequent ones by name; missing values are the last bin."""
    if levels is None:
        counts = pd.concat([old, new]).value_counts()
        kept = counts.sort_index().sort_values(ascending=False, kind="stable").index[:MOST_LEVELS]
        levels = [str(name) for name in kept] + ([OTHER] if len(counts) > MOST_LEVELS else [])
    at = {name: place for place, name in enumerate(levels)}
    rest = at.get(OTHER, len(levels))
    codes = [
        values.astype("object").map(lambda value: len(levels) if pd.isna(value) else at.get(str(value), rest))
        for values in (old, new)
    ]
    return Binned(codes[0].to_numpy(dtype=np.int16), codes[1].to_numpy(dtype=np.int16), tuple(levels))
