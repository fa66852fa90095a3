"""The moments of a schedule: local times in a zone, right at both ends of summer time.

``Mon 06:00`` and its like name local times of days: each happens once a day, also where the clock is put back, and as
much later where it is put forward over it. ``10 minutes`` and ``2 hours`` happen whenever the local clock shows a
multiple, so twice in an hour that the clock repeats.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from workbench.core.errors import Fault, ProfileError, did_you_mean

__all__ = ["Schedule", "read_schedule"]

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CHINESE_WEEKDAYS = "一二三四五六日"
_EXAMPLES = (
    "'Mon 06:00', 'Mon-Fri 06:00', 'Mon,Thu 06:00', '06:00', '1 06:00' (of the month), 'last 06:00', '10 minutes' or "
    "'2 hours'"
)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_INTERVAL = re.compile(r"(\d+)?\s*(minutes?|hours?|hourly|分钟|小时)")
_MINUTES_OF_DAY = 1440
_MINUTES_OF_HOUR = 60
_LAST_DAY_OF_EVERY_MONTH = 28
_LOOK_BACK_DAYS = 63  # longer than two months, so the last two days of any schedule lie within
_MINUTE = dt.timedelta(minutes=1)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Schedule:
    """When a profile runs.

    Attributes
    ----------
    every : str
        As it was written.
    zone : ZoneInfo
    time : datetime.time or None
        The local time of a day; None for an interval.
    weekdays : tuple of int
        0 is Monday; empty: any.
    days : tuple of int
        Days of the month; 0 is the last one; empty: any.
    minutes : int
        Length of the interval; 0 where a time of day is named.
    """

    every: str
    zone: ZoneInfo
    time: dt.time | None = None
    weekdays: tuple[int, ...] = ()
    days: tuple[int, ...] = ()
    minutes: int = 0

    def last(self, now: dt.datetime) -> dt.datetime | None:
        """Return the last moment at or before now, in UTC."""
        return next(self._backwards(now), None)

    def next(self, now: dt.datetime) -> dt.datetime:
        """Return the first moment after now, in UTC."""
        if self.minutes:
            at = _whole_minute(now) + _MINUTE
            while not self._is_on_interval(at):
                at += _MINUTE
            return at
        day = now.astimezone(self.zone).date() - _DAY
        while True:
            if self._is_on_day(day) and (moment := self._at(day)) > now:
                return moment
            day += _DAY

    def between(self, after: dt.datetime, until: dt.datetime) -> int:
        """Count the moments after one instant and up to another, at most a thousand."""
        count = 0
        for moment in self._backwards(until):
            if moment <= after or count == 1000:  # noqa: PLR2004
                break
            count += 1
        return count

    def local(self, moment: dt.datetime) -> dt.datetime:
        """Return an instant as the clock in the schedule's zone shows it; its date is the as-of date of the run."""
        return moment.astimezone(self.zone)

    def is_interval(self) -> bool:
        """Say whether the schedule is an interval, not a time of day."""
        return self.minutes > 0

    def on_calendar(self) -> str:
        """Return the schedule as systemd writes it, with its zone."""
        if self.minutes and self.minutes < _MINUTES_OF_HOUR:
            return f"*:0/{self.minutes} {self.zone.key}"
        if self.minutes:
            return f"*-*-* 0/{self.minutes // _MINUTES_OF_HOUR}:00:00 {self.zone.key}"
        weekdays = ",".join(_WEEKDAYS[day] for day in self.weekdays)
        date = "*-*-*"
        if self.days:
            date = "*-*~01" if self.days == (0,) else f"*-*-{','.join(f'{day:02}' for day in self.days)}"
        return " ".join(filter(None, (weekdays, date, f"{self.time:%H:%M}:00", self.zone.key)))

    def _backwards(self, now: dt.datetime) -> Iterator[dt.datetime]:
        """Yield the moments at or before now, the latest first."""
        if self.minutes:
            at = _whole_minute(now)
            stop = at - dt.timedelta(days=_LOOK_BACK_DAYS)
            while at > stop:
                if self._is_on_interval(at):
                    yield at
                at -= _MINUTE
            return
        day = now.astimezone(self.zone).date() + _DAY
        for _ in range(_LOOK_BACK_DAYS):
            if self._is_on_day(day) and (moment := self._at(day)) <= now:
                yield moment
            day -= _DAY

    def _is_on_interval(self, at: dt.datetime) -> bool:
        local = at.astimezone(self.zone)
        return (local.hour * _MINUTES_OF_HOUR + local.minute) % self.minutes == 0

    def _is_on_day(self, day: dt.date) -> bool:
        if self.weekdays and day.weekday() not in self.weekdays:
            return False
        return not self.days or day.day in self.days or (0 in self.days and (day + _DAY).day == 1)

    def _at(self, day: dt.date) -> dt.datetime:
        """Return the moment of a day; a local time that the clock jumps over happens as much later."""
        wall = dt.datetime.combine(day, self.time or dt.time(), tzinfo=self.zone)
        return wall.astimezone(dt.UTC)


def read_schedule(every: str, zone: str) -> Schedule:
    """Read a schedule as the command line states it.

    Parameters
    ----------
    every : str
        Days and a time, ``Mon 06:00``, or an interval, ``10 minutes``.
    zone : str
        A zone of the IANA database, ``Asia/Shanghai``.

    Raises
    ------
    ProfileError
        Both faults together.

    Examples
    --------
    >>> read_schedule("Mon 06:00", "Asia/Shanghai").on_calendar()
    'Mon *-*-* 06:00:00 Asia/Shanghai'
    """
    faults: list[Fault] = []
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        place = ZoneInfo("UTC")
        remedy = did_you_mean(zone, available_timezones()) if len(zone) > 1 else ""
        remedy = remedy if remedy.startswith("Did") else ""
        faults.append(Fault("--time-zone", f"no time zone {zone!r}", "A name such as Asia/Shanghai", remedy))
    parts = _read_every(every.strip())
    if isinstance(parts, str):
        faults.append(Fault("--every", parts, f"Expected {_EXAMPLES}"))
    if faults:
        raise ProfileError(faults)
    return Schedule(every.strip(), place, **parts)  # type: ignore[arg-type]


def _read_every(text: str) -> dict[str, object] | str:
    """Return the parts of a schedule, or what is wrong with it."""
    if interval := _INTERVAL.fullmatch(text):
        return _interval(text, int(interval[1] or 1), interval[2])
    *days, time = text.split() or [""]
    if not (clock := _TIME.fullmatch(time)) or len(days) > 1:
        return f"{text!r} names no time"
    on_days = _read_days(days[0] if days else "daily")
    return on_days if isinstance(on_days, str) else {"time": dt.time(int(clock[1]), int(clock[2]))} | on_days


def _read_days(text: str) -> dict[str, object] | str:
    """Return the days of a schedule, or what is wrong with them."""
    if text.lower() in ("daily", "每天", "每日"):
        return {}
    if text.lower() in ("last", "月末"):
        return {"days": (0,)}
    if text.replace(",", "").isdigit():
        numbers = tuple(sorted({int(day) for day in text.split(",") if day}))
        if not all(1 <= day <= _LAST_DAY_OF_EVERY_MONTH for day in numbers):
            return f"day {text!r} is not in every month; name 1 to {_LAST_DAY_OF_EVERY_MONTH}, or last"
        return {"days": numbers}
    weekdays = _weekdays(text)
    return {"weekdays": weekdays} if weekdays else f"{text!r} is no day"


def _interval(text: str, count: int, unit: str) -> dict[str, object] | str:
    minutes = count if unit.startswith(("minute", "分")) else count * _MINUTES_OF_HOUR
    whole = _MINUTES_OF_HOUR if minutes < _MINUTES_OF_HOUR else _MINUTES_OF_DAY
    if not minutes or whole % minutes or (minutes > _MINUTES_OF_HOUR and minutes % _MINUTES_OF_HOUR):
        return f"{text!r} does not divide an hour or a day evenly"
    return {"minutes": minutes}


def _weekdays(text: str) -> tuple[int, ...]:
    """Read ``Mon``, ``Mon,Thu``, ``Mon-Fri`` or ``周一``; empty if a name is unknown."""
    days: set[int] = set()
    for part in text.split(","):
        ends = [_weekday(name) for name in part.split("-")]
        if None in ends or len(ends) > 2:  # noqa: PLR2004
            return ()
        first, last = ends[0] or 0, ends[-1] or 0
        days |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    return tuple(sorted(days))


def _weekday(name: str) -> int | None:
    if name[:1] == "周" and name[1:] in _CHINESE_WEEKDAYS and len(name) == 2:  # noqa: PLR2004
        return _CHINESE_WEEKDAYS.index(name[1:])
    names = [at for at, full in enumerate(_FULL) if len(name) >= 3 and full.startswith(name.lower())]  # noqa: PLR2004
    return names[0] if names else None


def _whole_minute(now: dt.datetime) -> dt.datetime:
    return now.astimezone(dt.UTC).replace(second=0, microsecond=0)
