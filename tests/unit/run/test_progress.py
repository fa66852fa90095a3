"""Progress is told in plain lines: stage x of y, rows, elapsed, an estimate from the last run."""

import io
import re

import pytest

from workbench.run.flows import progress
from workbench.run.flows.progress import Progress, clock, visible

STAGES = ["01_check_quality", "05_score_rfm", "14_write_report"]


@pytest.fixture
def told():
    return io.StringIO()


def test_a_stage_says_its_place_the_time_elapsed_and_what_is_left(told):
    say = Progress(STAGES, {"05_score_rfm": 75, "14_write_report": 5, "01_check_quality": 3}, told)
    with say.stage("05_score_rfm"):
        pass
    expected = r"\[2/3\] 05_score_rfm \.\.\. 0\.\d s elapsed, about 1:20 left, 1:15 last time\n"
    assert re.fullmatch(expected, told.getvalue())


def test_without_a_last_run_nothing_is_estimated(told):
    say = Progress(STAGES, {"01_check_quality": 3}, told)
    with say.stage("01_check_quality"):
        pass
    assert "left" not in told.getvalue()
    assert told.getvalue().endswith("elapsed, 3.0 s last time\n")


def test_a_stage_that_ends_tells_its_rows(told):
    say = Progress(STAGES, {}, told)
    say.ended("01_check_quality", {"status": "done", "seconds": 4.2, "tables": {"transactions": {"rows": 1469307}}})
    assert told.getvalue() == "[1/3] 01_check_quality done in 4.2 s · transactions 1,469,307 rows\n"


def test_a_stage_reused_says_that_it_is_unchanged(told):
    say = Progress(STAGES, {}, told)
    say.ended("05_score_rfm", {"status": "done", "seconds": 9, "reused_from": "run1", "tables": {"rfm": {"rows": 12}}})
    assert told.getvalue() == "[2/3] 05_score_rfm unchanged, reused · rfm 12 rows\n"


def test_a_stage_skipped_says_why(told):
    say = Progress(STAGES, {}, told)
    because = {"en": "no table transactions", "zh": "缺少表 transactions"}
    say.ended("05_score_rfm", {"status": "skipped", "seconds": 0, "skipped_because": because, "tables": {}})
    assert told.getvalue() == "[2/3] 05_score_rfm skipped: no table transactions\n"


def test_a_long_stage_says_that_it_is_still_at_work(told, monkeypatch):
    monkeypatch.setattr(progress, "_HEARTBEAT_SECONDS", 0.01)
    say = Progress(STAGES, {}, told)
    with say.stage("05_score_rfm"):
        while "still running" not in told.getvalue():
            pass
    lines = told.getvalue().splitlines()
    assert re.fullmatch(r"\[2/3\] 05_score_rfm still running, 0\.\d s in this stage", lines[1])
    assert "\r" not in told.getvalue()


def test_the_heart_stops_when_the_stage_fails(told, monkeypatch):
    monkeypatch.setattr(progress, "_HEARTBEAT_SECONDS", 0.01)
    say = Progress(STAGES, {}, told)
    with pytest.raises(ValueError, match="broken"), say.stage("05_score_rfm"):
        raise ValueError("broken")
    told.truncate(0)
    assert not [each for each in progress.threading.enumerate() if each.name.endswith("(_beat)")]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (4.21, "4.2 s"), (59.6, "1:00"), (75, "1:15"), (3700, "1:01:40"), (3599.7, "1:00:00")],
)
def test_a_duration_reads_like_a_clock(seconds, said):
    assert clock(seconds) == said


def test_a_value_can_neither_steer_a_terminal_nor_forge_a_line(told):
    assert visible("a\x1b[2Jb\rc") == "a\\x1b[2Jb\\rc"
    assert visible("画像 · é") == "画像 · é"
    Progress(STAGES, {}, told).say("x\x07y\u202ez")
    assert told.getvalue() == "x\\x07y\\u202ez\n"
