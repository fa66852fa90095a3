"""A zone in which the offsets of a column's times are those of the shop; it is asked for, never invented."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo

from workbench.intake.guessing.headers.words import value_words

__all__ = ["zone_of"]

_MOMENT = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})[ T](\d{1,2}:\d{2}).*?(Z|[+-]\d{2}:?\d{0,2})$")
_LOOKED_AT, _MINUTES = 200, 60


def zone_of(offsets: tuple[str, ...], cells: list[str]) -> str:
    """Return the zone whose clocks show the times as they are written.

    Parameters
    ----------
    offsets : tuple of str
        The different offsets, most frequent first.
    cells : list of str

    Returns
    -------
    str
        Of several offsets, the first zone of the list of zones that has them all on their days; else the fixed offset
        that most times have.

    Examples
    --------
    >>> zone_of(("-0500",), ["2024-03-01 10:00:00 -0500"])
    'Etc/GMT+5'
    """
    if len(offsets) > 1:
        moments = [moment for cell in cells[:_LOOKED_AT] if (moment := _moment(cell))]
        for name in value_words("zones"):
            zone = _zone(name)
            if zone is not None and all(_offset(zone, local) == own for local, own in moments):
                return zone.key
    minutes = _in_minutes(offsets[0]) if offsets else 0
    if not minutes:
        return "UTC"
    hours = minutes // _MINUTES
    return f"Etc/GMT{-hours:+d}" if minutes % _MINUTES == 0 else "UTC"


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    spelled = "/".join(part.title() for part in name.split("/")).replace("_y", "_Y")
    try:
        return zoneinfo.ZoneInfo("_".join(piece[:1].upper() + piece[1:] for piece in spelled.split("_")))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def _moment(cell: str) -> tuple[dt.datetime, int] | None:
    match = _MOMENT.match(cell)
    if match is None:
        return None
    try:
        return dt.datetime.fromisoformat(f"{match[1]} {match[2]}"), _in_minutes(match[3])
    except ValueError:
        return None


def _in_minutes(offset: str) -> int:
    if offset == "Z":
        return 0
    digits = offset[1:].replace(":", "").ljust(4, "0")
    return (-1 if offset[0] == "-" else 1) * (int(digits[:2]) * _MINUTES + int(digits[2:]))


def _offset(zone: zoneinfo.ZoneInfo, local: dt.datetime) -> int:
    offset = local.replace(tzinfo=zone).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0
