"""The table of lunar festivals against the new moons themselves."""

from datetime import date, datetime, timedelta
from math import radians, sin

import pytest

from workbench.intake.features.inputs.calendars import FIRST_YEAR, LAST_YEAR, days_of

BEIJING = timedelta(hours=8)
DELTA_T = timedelta(seconds=72)  # terrestrial less universal time in these decades


def new_moon(k):
    """Return the day in Beijing of a new moon by its largest terms (Meeus, Astronomical Algorithms, chapter 49)."""
    t = k / 1236.85
    sun = radians(2.5534 + 29.1053567 * k)
    moon = radians(201.5643 + 385.81693528 * k)
    node = radians(160.7108 + 390.67050284 * k)
    e = 1 - 0.002516 * t
    shift = (
        -0.40720 * sin(moon) + 0.17241 * e * sin(sun) + 0.01608 * sin(2 * moon) + 0.01039 * sin(2 * node)
        + 0.00739 * e * sin(moon - sun) - 0.00514 * e * sin(moon + sun) + 0.00208 * e * e * sin(2 * sun)
    )  # fmt: skip
    mean = datetime(2000, 1, 1, 12) + timedelta(days=5.09766 + 29.530588861 * k)
    return (mean + timedelta(days=shift) - DELTA_T + BEIJING).date()


MOONS = {new_moon(k) for k in range(170, 460)}


@pytest.mark.parametrize(("festival", "before"), [("spring_festival", 0), ("qixi", 6)])
def test_a_lunar_festival_is_counted_from_a_new_moon_in_every_year(festival, before):
    days = days_of(festival)
    assert [day.year for day in days] == list(range(FIRST_YEAR, LAST_YEAR + 1))
    assert [day for day in days if day - timedelta(days=before) not in MOONS] == []


def test_the_spring_festival_lies_between_21_january_and_20_february():
    assert all(date(day.year, 1, 21) <= day <= date(day.year, 2, 20) for day in days_of("spring_festival"))
