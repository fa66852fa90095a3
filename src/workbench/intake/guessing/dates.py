"""How a column writes its dates, found from all its values together and never from one."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import and_

__all__ = ["DateGuess", "guess_dates"]

_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_DAYS = (
    "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%y", "%m-%d-%y", "%d/%m/%y",
    "%m/%d/%y", "%d.%m.%y", "%Y.%m.%d", "%Y年%m月%d日", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y",
    "%B %d, %Y", "%Y-%b-%d",
)  # fmt: skip
_COMPACT = ("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S")
_TWIN = {"%d": "%m", "%m": "%d"}
_ISO = re.compile(r"\d{4}([-/])\d{1,2}[-/]\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?")
_ZONED = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)? ?(Z|[+-]\d{2}(:?\d{2})?)")
_YEAR, _SERIAL = re.compile(r"(18|19|20)\d{2}"), re.compile(r"[1-7]\d{4}(\.\d+)?")
_ENOUGH = 0.95  # share of values a pattern must read
_SOME = 0.02  # share from which a second pattern is no accident
_MOST_PATTERNS = 4  # more are no pattern
_PROBED = 25  # values on which all patterns are tried
_YEARS = (1850, 2150)


@dataclass(frozen=True)
class DateGuess:
    """How the values of a column read as dates.

    Attributes
    ----------
    patterns : tuple of str
        What ``formats.dates`` must declare; empty where the values are ISO and need no pattern.
    share : float
        Of the values they read.
    kind : str
        iso, zoned, pattern, compact, either (day and month in either order: `patterns` are the two), year or serial.
    """

    patterns: tuple[str, ...]
    share: float
    kind: str


def guess_dates(values: Sequence[str]) -> DateGuess | None:
    """Find the patterns that read nearly all values.

    Parameters
    ----------
    values : sequence of str
        Not blank; surrounding blanks removed.

    Returns
    -------
    DateGuess or None
        Where day and month are exchanged, the pattern that reads more values is taken; where both read all alike, both
        are given as ``either``. Digits alone (a year, a serial of a workbook) are a weak guess that needs the name.

    Examples
    --------
    >>> guess_dates(["04-09-2012", "21-08-2013"]).patterns, guess_dates(["03/04/2024"]).kind
    (('%d-%m-%Y',), 'either')
    """
    if not values:
        return None
    for kind, form in (("iso", _ISO), ("zoned", _ZONED)):
        if (share := _share([form.fullmatch(value) and _is_real(value) for value in values])) >= _ENOUGH:
            return DateGuess((), share, kind)
    if all(value[:4].isdigit() and value.replace(".", "").isdigit() for value in values):
        return _by_digits(values)
    probe = values[:: max(1, len(values) // _PROBED)]
    likely = [day + clock for day in _DAYS for clock in _CLOCKS if any(_reads(probe, day + clock))]
    read = {pattern: _reads(values, pattern) for pattern in likely}
    return _combined(values, read | _iso_by_pattern(values))


def _by_digits(values: Sequence[str]) -> DateGuess | None:
    for pattern in _COMPACT:
        if (share := _share(_reads(values, pattern))) >= _ENOUGH:
            return DateGuess((pattern,), share, "compact")
    for kind, form, pattern in (("year", _YEAR, "%Y"), ("serial", _SERIAL, "excel")):
        if (share := _share([form.fullmatch(value) for value in values])) >= _ENOUGH:
            return DateGuess((pattern,), share, kind)
    return None


def _combined(values: Sequence[str], read: dict[str, list[bool]]) -> DateGuess | None:
    """Take the pattern that reads most values, then the one that reads most of the others, until few are left."""
    left, chosen = [True] * len(values), []
    while any(left) and len(chosen) < _MOST_PATTERNS:
        counts = {pattern: sum(map(and_, left, marks)) for pattern, marks in read.items()}
        best = max(counts, key=counts.get, default="")
        if not best or counts[best] < max(1, _SOME * len(values)):
            break
        chosen.append(best)
        left = [waiting and not mark for waiting, mark in zip(left, read[best], strict=True)]
    share = 1 - sum(left) / len(values)
    if share < _ENOUGH:
        return None
    twins = [_exchanged(pattern) for pattern in chosen]
    unclear = [twin for twin, own in zip(twins, chosen, strict=True) if sum(read.get(twin, [])) == sum(read[own])]
    if unclear or set(twins) & set(chosen):
        return DateGuess(tuple(dict.fromkeys([*chosen, *unclear])), share, "either")
    return DateGuess(tuple(chosen), share, "pattern")


def _iso_by_pattern(values: Sequence[str]) -> dict[str, list[bool]]:
    """Read the dates that need no pattern by the one they would need beside others."""
    iso = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
    read = {day + clock: _reads(values, day + clock) for day in iso for clock in _CLOCKS[:3]}
    return {pattern: marks for pattern, marks in read.items() if any(marks)}


def _reads(values: Sequence[str], pattern: str) -> list[bool]:
    return [_can_read(value, pattern) for value in values]


def _can_read(value: str, pattern: str) -> bool:
    if pattern.startswith("%Y%m%d") and len(value) < 8:  # noqa: PLR2004  (strptime takes shorter ones)
        return False
    try:
        return _YEARS[0] <= dt.datetime.strptime(value, pattern).year <= _YEARS[1]
    except ValueError:
        return False


def _is_real(value: str) -> bool:
    year, month, day = (int(part) for part in re.split(r"[-/ T]", value)[:3])
    try:
        return bool(dt.date(year, month, day))
    except ValueError:
        return False


def _exchanged(pattern: str) -> str:
    """Exchange day and month; a pattern that names the month or begins with the year has no twin."""
    if pattern.startswith("%Y") or "%b" in pattern or "%B" in pattern:
        return ""
    return re.sub("%[dm]", lambda found: _TWIN[found[0]], pattern)


def _share(marks: Sequence[object]) -> float:
    return sum(bool(mark) for mark in marks) / len(marks)
