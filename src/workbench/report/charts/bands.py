"""Sort bands (ages, incomes, counts) from low to high instead of by size.

No notebook calls this module; ``report.plots.description`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["band_order"]

_NUMBER = r"(\d+(?:[.,]\d+)*)\s*([kKmM万千]?)"
_BELOW = re.compile(
    rf"^(?:<|≤|under|below|up to|less than|不足|低于|小于)\s*{_NUMBER}\D*$|^{_NUMBER}\D*(?:以下|以内)$", re.I
)
_ABOVE = re.compile(
    rf"^(?:>|≥|over|above|more than|at least|超过|大于|高于)\s*{_NUMBER}\D*$"
    rf"|^{_NUMBER}\D*(?:\+|以上|and over|and more)$",
    re.I,
)
_BETWEEN = re.compile(rf"^{_NUMBER}\D*?\s*(?:-|–|—|~|～|至|到|to)\s*{_NUMBER}\D*$", re.I)
_SINGLE = re.compile(rf"^{_NUMBER}\s*(?:岁|years?|人|个)?$", re.I)
_TIMES = {"": 1.0, "k": 1e3, "m": 1e6, "千": 1e3, "万": 1e4}


def band_order(values: Iterable[str]) -> list[int] | None:
    """Return the positions of bands from the lowest to the highest.

    Parameters
    ----------
    values : iterable of str
        Names of categories: ``<18``, ``25-34``, ``60+``, ``Under 15K``, ``18岁以下``, ``30~39岁``, and whole numbers
        among them (``0``, ``1``, ``3+``).

    Returns
    -------
    list of int or None
        None if a name is not a band, if no name is a range (plain numbers may be codes), or if two have the same start.
    """
    names = [" ".join(value.split()) for value in values]
    starts = [start for start in map(_start, names) if start is not None]
    if not names or len(set(starts)) < len(names) or all(_SINGLE.match(name) for name in names):
        return None
    return sorted(range(len(names)), key=lambda at: starts[at])


def _start(name: str) -> tuple[float, float] | None:
    """Return the bound of a band, and whether the band is below (-1), at (0) or above (1) it."""
    for pattern, side in ((_BETWEEN, 0.0), (_BELOW, -1.0), (_ABOVE, 1.0), (_SINGLE, 0.0)):
        match = pattern.match(name)
        if match:
            groups = [group for group in match.groups() if group is not None]
            unit = groups[1] or (groups[3] if pattern is _BETWEEN else "")
            return float(groups[0].replace(",", "")) * _TIMES[unit.lower()], side
    return None
