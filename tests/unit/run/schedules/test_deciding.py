"""Whether a run is due: once for each moment, caught up once, never for the past before the schedule."""

import datetime as dt
from dataclasses import replace

from workbench.run.schedules.deciding import LastRun, decide, is_missed
from workbench.run.schedules.records import Planned, State


def utc(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


PLANNED = Planned("06:00", "UTC", since=utc(2026, 12, 1, 12))
MOMENT = utc(2026, 12, 2, 6)


def verdict(now, state=None, last=None, planned=PLANNED):
    return decide(planned, state, last, now).verdict


def test_nothing_is_due_before_the_first_moment():
    assert verdict(utc(2026, 12, 2, 5, 59)) == "early"
    assert verdict(MOMENT) == "due"


def test_a_moment_is_handled_once_whether_its_run_succeeded_or_failed():
    for outcome in ("done", "failed", "refused", "missed"):
        assert verdict(MOMENT + dt.timedelta(hours=1), State(MOMENT, outcome, attempts=1)) == "handled"


def test_missed_moments_are_caught_up_by_one_run_for_the_last_of_them():
    decision = decide(PLANNED, State(MOMENT, "done"), None, utc(2026, 12, 5, 7))
    assert (decision.verdict, decision.moment, decision.passed_over) == ("due", utc(2026, 12, 5, 6), 2)


def test_a_run_that_was_killed_is_started_once_more():
    assert verdict(utc(2026, 12, 2, 7), State(MOMENT, "running", attempts=1)) == "due"
    assert verdict(utc(2026, 12, 2, 7), State(MOMENT, "running", attempts=2)) == "handled"


def test_a_moment_that_is_too_long_ago_is_missed():
    planned = replace(PLANNED, max_staleness_hours=2)
    assert verdict(utc(2026, 12, 2, 8), planned=planned) == "due"
    assert verdict(utc(2026, 12, 2, 8, 1), planned=planned) == "missed"


def test_a_clock_put_back_runs_nothing_twice():
    state = State(MOMENT, "done")
    assert verdict(MOMENT - dt.timedelta(minutes=30), state) == "clock_back"
    assert verdict(MOMENT + dt.timedelta(minutes=1), state) == "handled"


def test_a_run_by_hand_with_the_date_of_the_moment_counts():
    good = LastRun(MOMENT + dt.timedelta(minutes=5), MOMENT.date())
    assert verdict(utc(2026, 12, 2, 7), last=good) == "by_hand"
    assert verdict(utc(2026, 12, 2, 7), last=replace(good, as_of=dt.date(2026, 11, 1))) == "due"
    assert verdict(utc(2026, 12, 2, 7), last=replace(good, started=MOMENT - dt.timedelta(1))) == "due"


def test_outside_monitoring_waits_half_an_hour_and_sees_what_nobody_ran():
    def missed(now, state=None, *, running=False, planned=PLANNED):
        return is_missed(decide(planned, state, None, now), state, now, running=running)

    assert not missed(MOMENT + dt.timedelta(minutes=29))
    assert missed(MOMENT + dt.timedelta(minutes=31))
    assert not missed(MOMENT + dt.timedelta(minutes=31), running=True)
    assert not missed(MOMENT + dt.timedelta(hours=1), State(MOMENT, "done"))
    assert missed(MOMENT + dt.timedelta(hours=9), planned=replace(PLANNED, max_staleness_hours=1))
    every_minute = Planned("1 minute", "UTC", since=utc(2026, 12, 1, 12))
    assert missed(utc(2026, 12, 1, 12, 3), planned=every_minute)
