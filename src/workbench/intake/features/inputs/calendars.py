"""Parts of the day, and gift days: festivals by date, with a table for lunar festivals.

The lunar dates are those of the Chinese calendar (GB/T 33661-2017), by the new moons of China; the tests recompute the
new moons and compare.
"""

from __future__ import annotations

from datetime import date, timedelta

__all__ = ["CALENDARS", "FIRST_YEAR", "LAST_YEAR", "PARTS_OF_DAY", "days_of"]

FIRST_YEAR, LAST_YEAR = 2015, 2035

# the first hour after each part of the day
PARTS_OF_DAY = {"night": 6, "morning": 12, "afternoon": 18, "evening": 24}

# festivals that fall on the same day of every year: month, day
FIXED = {
    "new_year": (1, 1), "valentines": (2, 14), "womens_day": (3, 8), "white_day": (3, 14), "labour_day": (5, 1),
    "520": (5, 20), "childrens_day": (6, 1), "618": (6, 18), "teachers_day": (9, 10), "national_day": (10, 1),
    "singles_day": (11, 11), "christmas": (12, 25),
}  # fmt: skip
# festivals on a day of the week: month, weekday (Monday = 0), which of the month
WEEKDAYS = {"mothers_day": (5, 6, 2), "fathers_day": (6, 6, 3)}
SPRING_FESTIVAL = (
    "2015-02-19 2016-02-08 2017-01-28 2018-02-16 2019-02-05 2020-01-25 2021-02-12 2022-02-01 2023-01-22 2024-02-10 "
    "2025-01-29 2026-02-17 2027-02-06 2028-01-26 2029-02-13 2030-02-03 2031-01-23 2032-02-11 2033-01-31 2034-02-19 "
    "2035-02-08"
)
QIXI = (
    "2015-08-20 2016-08-09 2017-08-28 2018-08-17 2019-08-07 2020-08-25 2021-08-14 2022-08-04 2023-08-22 2024-08-10 "
    "2025-08-29 2026-08-19 2027-08-08 2028-08-26 2029-08-16 2030-08-05 2031-08-24 2032-08-12 2033-08-01 2034-08-20 "
    "2035-08-10"
)
MID_AUTUMN = (
    "2015-09-27 2016-09-15 2017-10-04 2018-09-24 2019-09-13 2020-10-01 2021-09-21 2022-09-10 2023-09-29 2024-09-17 "
    "2025-10-06 2026-09-25 2027-09-15 2028-10-03 2029-09-22 2030-09-12 2031-10-01 2032-09-19 2033-09-08 2034-09-27 "
    "2035-09-16"
)
LUNAR = {"spring_festival": SPRING_FESTIVAL, "qixi": QIXI, "mid_autumn": MID_AUTUMN}
CALENDARS = (*FIXED, *WEEKDAYS, *LUNAR)


def days_of(calendar: str) -> list[date]:
    """List the days of a festival, one per year from 2015 to 2035.

    Parameters
    ----------
    calendar : str
        One of ``CALENDARS``.

    Raises
    ------
    KeyError
        The name is unknown.

    Examples
    --------
    >>> days_of("qixi")[10], days_of("mothers_day")[9]
    (datetime.date(2025, 8, 29), datetime.date(2024, 5, 12))
    """
    if calendar in LUNAR:
        return [date.fromisoformat(day) for day in LUNAR[calendar].split()]
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    if calendar in FIXED:
        month, day = FIXED[calendar]
        return [date(year, month, day) for year in years]
    month, weekday, which = WEEKDAYS[calendar]
    return [_nth_weekday(date(year, month, 1), weekday, which) for year in years]


def _nth_weekday(first: date, weekday: int, which: int) -> date:
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (which - 1))
