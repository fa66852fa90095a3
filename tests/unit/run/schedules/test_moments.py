"""The moments of a schedule: days and times, intervals, and both ends of summer time."""

import datetime as dt

import pytest

from workbench.core.errors import ProfileError
from workbench.run.schedules.moments import read_schedule


def utc(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


def days(every, zone, start, end):
    """Return all moments of a schedule between two instants."""
    schedule, moments, at = read_schedule(every, zone), [], start
    while (at := schedule.next(at)) <= end:
        moments.append(at)
    return moments


@pytest.mark.parametrize(
    ("every", "now", "last", "following"),
    [
        ("Mon 06:00", utc(2026, 12, 1, 10), utc(2026, 11, 29, 22), utc(2026, 12, 6, 22)),
        ("周一 06:00", utc(2026, 12, 1, 10), utc(2026, 11, 29, 22), utc(2026, 12, 6, 22)),
        ("Sat-Mon 06:00", utc(2026, 12, 1, 10), utc(2026, 11, 29, 22), utc(2026, 12, 4, 22)),
        ("06:00", utc(2026, 12, 1, 22), utc(2026, 12, 1, 22), utc(2026, 12, 2, 22)),
        ("1,15 00:00", utc(2026, 12, 1, 10), utc(2026, 11, 30, 16), utc(2026, 12, 14, 16)),
        ("last 23:30", utc(2028, 2, 20), utc(2028, 1, 31, 15, 30), utc(2028, 2, 29, 15, 30)),
        ("10 minutes", utc(2026, 12, 1, 10, 7), utc(2026, 12, 1, 10), utc(2026, 12, 1, 10, 10)),
        ("hourly", utc(2026, 12, 1, 10, 7), utc(2026, 12, 1, 10), utc(2026, 12, 1, 11)),
    ],
)
def test_the_last_and_the_next_moment(every, now, last, following):
    schedule = read_schedule(every, "Asia/Shanghai")
    assert (schedule.last(now), schedule.next(now)) == (last, following)


def test_a_time_that_the_clock_jumps_over_happens_as_much_later():
    assert days("02:30", "Europe/Berlin", utc(2026, 3, 28, 12), utc(2026, 3, 30, 12)) == [
        utc(2026, 3, 29, 1, 30),  # 03:30 summer time
        utc(2026, 3, 30, 0, 30),
    ]


def test_a_time_that_the_clock_shows_twice_happens_once():
    moments = days("02:30", "Europe/Berlin", utc(2026, 10, 24, 12), utc(2026, 10, 26, 12))
    assert moments == [utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]
    schedule = read_schedule("02:30", "Europe/Berlin")
    assert schedule.last(utc(2026, 10, 25, 1, 45)) == utc(2026, 10, 25, 0, 30)


def test_an_interval_goes_on_through_both_ends_of_summer_time():
    for day in (utc(2026, 3, 29), utc(2026, 10, 25)):
        moments = days("30 minutes", "Europe/Berlin", day, day + dt.timedelta(hours=6))
        assert len(moments) == 12
        assert {b - a for a, b in zip(moments, moments[1:], strict=False)} == {dt.timedelta(minutes=30)}


def test_every_day_of_a_year_has_one_moment_in_every_zone():
    for zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"):
        schedule = read_schedule("02:30", zone)
        moments = days("02:30", zone, utc(2026, 1, 1, 12), utc(2026, 12, 31, 12))
        dates = [schedule.local(moment).date() for moment in moments]
        assert len(set(dates)) == len(dates) == 364


def test_the_as_of_date_is_that_of_the_zone():
    schedule = read_schedule("06:00", "Asia/Shanghai")
    assert schedule.local(utc(2026, 11, 30, 22)).date() == dt.date(2026, 12, 1)


@pytest.mark.parametrize(
    ("every", "unit"),
    [
        ("Mon 06:00", "Mon *-*-* 06:00:00 Asia/Shanghai"),
        ("last 23:30", "*-*~01 23:30:00 Asia/Shanghai"),
        ("1,15 06:05", "*-*-01,15 06:05:00 Asia/Shanghai"),
        ("10 minutes", "*:0/10 Asia/Shanghai"),
        ("2 hours", "*-*-* 0/2:00:00 Asia/Shanghai"),
    ],
)
def test_a_schedule_as_systemd_writes_it(every, unit):
    assert read_schedule(every, "Asia/Shanghai").on_calendar() == unit


@pytest.mark.parametrize("every", ["", "Mon", "Mo 06:00", "31 06:00", "24:00", "7 minutes", "0 hours", "Mon Tue 06:00"])
def test_what_is_no_schedule_is_refused_with_examples(every):
    with pytest.raises(ProfileError, match="Expected 'Mon 06:00'"):
        read_schedule(every, "UTC")


def test_both_faults_are_in_one_error():
    with pytest.raises(ProfileError) as raised:
        read_schedule("never", "Asia/Shangai")
    assert [fault.where for fault in raised.value.faults] == ["--time-zone", "--every"]
    assert "Did you mean 'Asia/Shanghai'?" in str(raised.value)


def test_moments_between_two_instants_are_counted():
    schedule = read_schedule("06:00", "UTC")
    assert schedule.between(utc(2026, 12, 1, 6), utc(2026, 12, 4, 6)) == 3
    assert schedule.between(utc(2026, 12, 1, 7), utc(2026, 12, 1, 8)) == 0
