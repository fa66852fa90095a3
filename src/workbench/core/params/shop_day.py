"""The current day in the time zones of the sources."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.core.params.sources import SourceParams

__all__ = ["shop_day"]

_EASTERNMOST = dt.timezone(dt.timedelta(hours=14))


def shop_day(sources: Iterable[SourceParams], now: dt.datetime | None = None) -> dt.date:
    """Return the latest day that is not in the future for these sources.

    Parameters
    ----------
    sources : iterable of SourceParams
    now : datetime.datetime, optional
        Current time with time zone; default: the system clock.

    Returns
    -------
    datetime.date
        The latest current day in the declared time zones. For a source without ``formats.time_zone`` it is the day in
        UTC+14, where days begin first, so that no order of today is rejected.
    """
    moment = now or dt.datetime.now(dt.UTC)
    zones = [ZoneInfo(source.formats.time_zone) if source.formats.time_zone else _EASTERNMOST for source in sources]
    return max((moment.astimezone(zone).date() for zone in zones), default=moment.astimezone(_EASTERNMOST).date())
