"""The day of the shop: what "today" is where its dates are written."""

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
    """Return the last day that a date in these sources may have without lying in the future.

    Parameters
    ----------
    sources : iterable of SourceParams
    now : datetime.datetime, optional
        With its zone; default: the clock.

    Returns
    -------
    datetime.date
        The latest of the days in the declared zones. A source without ``formats.time_zone`` may be written anywhere:
        its day is that of the zone where a day begins first (UTC+14), so that no order of this morning is refused.
    """
    moment = now or dt.datetime.now(dt.UTC)
    zones = [ZoneInfo(source.formats.time_zone) if source.formats.time_zone else _EASTERNMOST for source in sources]
    return max((moment.astimezone(zone).date() for zone in zones), default=moment.astimezone(_EASTERNMOST).date())
