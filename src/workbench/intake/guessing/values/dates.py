"""Find the date format of a column from all its values together, never from one."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
_UNIX = {"unix": (946_684_800, 2_051_222_400), "unix_ms": (946_684_800_000, 2_051_222_400_000)}  # 2000 to 2035
_MONTH_AND_DAY = re.compile(r"\d{1,2}月\d{1,2}[日号]?|\d{1,2}[-/]\d{1,2}")
_OFFSET = re.compile(r"(Z|[+-]\d{2}(:?\d{2})?)$")
_YEAR, _SERIAL = re.compile(r"(18|19|20)\d{2}"), re.compile(r"[1-7]\d{4}(\.\d+)?")
_ENOUGH = 0.95  # least share of values the patterns must parse
_SOME = 0.02  # least share of values a further pattern must parse
_MOST_PATTERNS = 4  # a column with more has no format
_PROBED = 25  # sample size on which all patterns are tried
_YEARS = (1850, 2150)


@dataclass(frozen=True)
class DateGuess:
    """How the values of a column parse as dates.

    Attributes
    ----------
    patterns : tuple of str
        What ``formats.dates`` must declare; empty where the values are ISO and need no pattern.
    share : float
        Share of values they parse.
    kind : str
        iso, zoned, pattern, compact, unix, either (day and month in either order: `patterns` are the two), year or
        serial.
    offsets : tuple of str
        Of zoned times, the different offsets, most frequent first.
    yearless : bool
        Some values are a month and a day alone, which the share leaves out.
    """

    patterns: tuple[str, ...]
    share: float
    kind: str
    offsets: tuple[str, ...] = ()
    yearless: bool = False


def guess_dates(values: Sequence[str]) -> DateGuess | None:
    """Find the patterns that parse nearly all values.

    Parameters
    ----------
    values : sequence of str
        Not blank; surrounding blanks removed.

    Returns
    -------
    DateGuess or None
        Of two patterns that exchange day and month, the one that parses more values is chosen; if both parse the same,
        both are returned as ``either``. Digits alone (a year, a serial of a workbook) are a weak guess that needs the
        support of the column's name.

    Examples
    --------
    >>> guess_dates(["04-09-2012", "21-08-2013"]).patterns, guess_dates(["03/04/2024"]).kind
    (('%d-%m-%Y',), 'either')
    """
    whole = [value for value in values if not _MONTH_AND_DAY.fullmatch(value)]
    if not whole:
        return None
    if len(whole) < len(values):
        guess = guess_dates(whole)
        return guess if guess is None else replace(guess, yearless=True)
    for kind, form in (("iso", _ISO), ("zoned", _ZONED)):
        if (share := _share([form.fullmatch(value) and _exists(value) for value in values])) >= _ENOUGH:
            return DateGuess((), share, kind, _offsets(values) if kind == "zoned" else ())
    if all(value[:4].isdigit() and value.replace(".", "").isdigit() for value in values):
        return _by_digits(values)
    probe = values[:: max(1, len(values) // _PROBED)]
    candidates = [day + clock for day in _DAYS for clock in _CLOCKS if any(_parses(probe, day + clock))]
    parsed = {pattern: _parses(values, pattern) for pattern in candidates}
    return _combined(values, parsed | _iso_by_pattern(values))


def _by_digits(values: Sequence[str]) -> DateGuess | None:
    for name, (first, last) in _UNIX.items():
        if (share := _share([value.isdigit() and first <= int(value) < last for value in values])) >= _ENOUGH:
            return DateGuess((name,), share, "unix")
    for pattern in _COMPACT:
        if (share := _share(_parses(values, pattern))) >= _ENOUGH:
            return DateGuess((pattern,), share, "compact")
    for kind, form, pattern in (("year", _YEAR, "%Y"), ("serial", _SERIAL, "excel")):
        if (share := _share([form.fullmatch(value) for value in values])) >= _ENOUGH:
            return DateGuess((pattern,), share, kind)
    return None


def _offsets(values: Sequence[str]) -> tuple[str, ...]:
    offsets = Counter(match[0].replace(":", "") for value in values if (match := _OFFSET.search(value)))
    return tuple(offset for offset, _ in offsets.most_common())


def _combined(values: Sequence[str], parsed: dict[str, list[bool]]) -> DateGuess | None:
    """Take the pattern that parses most values, then the one that parses most of the others, until few are left."""
    chosen: list[str] = []
    unparsed = [True] * len(values)
    while any(unparsed) and len(chosen) < _MOST_PATTERNS:
        counts = {pattern: sum(map(and_, unparsed, marks)) for pattern, marks in parsed.items()}
        best = max(counts, key=lambda pattern: counts[pattern], default="")
        if not best or counts[best] < max(1, _SOME * len(values)):
            break
        chosen.append(best)
        unparsed = [waiting and not mark for waiting, mark in zip(unparsed, parsed[best], strict=True)]
    share = 1 - sum(unparsed) / len(values)
    if share < _ENOUGH:
        return None
    twins = [_exchanged(pattern) for pattern in chosen]
    unclear = [twin for twin, own in zip(twins, chosen, strict=True) if sum(parsed.get(twin, [])) == sum(parsed[own])]
    if unclear or set(twins) & set(chosen):
        return DateGuess(tuple(dict.fromkeys([*chosen, *unclear])), share, "either")
    return DateGuess(tuple(chosen), share, "pattern")


def _iso_by_pattern(values: Sequence[str]) -> dict[str, list[bool]]:
    """Parse ISO dates by explicit patterns, which they need next to other patterns."""
    iso = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")
    parsed = {day + clock: _parses(values, day + clock) for day in iso for clock in _CLOCKS[:3]}
    return {pattern: marks for pattern, marks in parsed.items() if any(marks)}


def _parses(values: Sequence[str], pattern: str) -> list[bool]:
    return [_can_parse(value, pattern) for value in values]


def _can_parse(value: str, pattern: str) -> bool:
    if pattern.startswith("%Y%m%d") and len(value) < 8:  # noqa: PLR2004  (strptime takes shorter ones)
        return False
    try:
        return _YEARS[0] <= dt.datetime.strptime(value, pattern).year <= _YEARS[1]
    except ValueError:
        return False


def _exists(value: str) -> bool:
    year, month, day = (int(part) for part in re.split(r"[-/ T]", value)[:3])
    try:
        return bool(dt.date(year, month, day))
    except ValueError:
        return False


def _exchanged(pattern: str) -> str:
    """Exchange day and month; a pattern with a month name or a leading year has no twin."""
    if pattern.startswith("%Y") or "%b" in pattern or "%B" in pattern:
        return ""
    return re.sub("%[dm]", lambda match: _TWIN[match[0]], pattern)


def _share(marks: Sequence[object]) -> float:
    return sum(bool(mark) for mark in marks) / len(marks)
