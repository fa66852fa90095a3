"""Progress is reported in plain lines: stage x of y, rows, elapsed time, an estimate from the last run."""

import io
import re

import pytest

from workbench.run.flows import progress
from workbench.run.flows.progress import Progress, clock
from workbench.run.terminal.guarding import visible

STAGES = ["01_check_quality", "05_score_rfm", "14_write_report"]


@pytest.fixture
def stream():
    return io.StringIO()


def test_a_stage_line_has_number_elapsed_and_remaining_time(stream):
    reporter = Progress(STAGES, {"05_score_rfm": 75, "14_write_report": 5, "01_check_quality": 3}, stream)
    with reporter.stage("05_score_rfm"):
        pass
    expected = r"\[2/3\] 05_score_rfm \.\.\. 0\.\d s elapsed, about 1:20 left, 1:15 last time\n"
    assert re.fullmatch(expected, stream.getvalue())


def test_without_a_last_run_nothing_is_estimated(stream):
    reporter = Progress(STAGES, {"01_check_quality": 3}, stream)
    with reporter.stage("01_check_quality"):
        pass
    assert "left" not in stream.getvalue()
    assert stream.getvalue().endswith("elapsed, 3.0 s last time\n")


def test_a_finished_stage_reports_its_rows(stream):
    reporter = Progress(STAGES, {}, stream)
    reporter.ended(
        "01_check_quality", {"status": "done", "seconds": 4.2, "tables": {"transactions": {"rows": 1469307}}}
    )
    assert stream.getvalue() == "[1/3] 01_check_quality done in 4.2 s · transactions 1,469,307 rows\n"


def test_a_reused_stage_is_reported_as_unchanged(stream):
    reporter = Progress(STAGES, {}, stream)
    reporter.ended(
        "05_score_rfm", {"status": "done", "seconds": 9, "reused_from": "run1", "tables": {"rfm": {"rows": 12}}}
    )
    assert stream.getvalue() == "[2/3] 05_score_rfm unchanged, reused · rfm 12 rows\n"


def test_a_skipped_stage_is_reported_with_the_reason(stream):
    reporter = Progress(STAGES, {}, stream)
    reason = {"en": "no table transactions", "zh": "缺少表 transactions"}
    reporter.ended("05_score_rfm", {"status": "skipped", "seconds": 0, "skipped_because": reason, "tables": {}})
    assert stream.getvalue() == "[2/3] 05_score_rfm skipped: no table transactions\n"


def test_a_long_stage_is_reported_as_still_running(stream, monkeypatch):
    monkeypatch.setattr(progress, "_HEARTBEAT_SECONDS", 0.01)
    reporter = Progress(STAGES, {}, stream)
    with reporter.stage("05_score_rfm"):
        while "still running" not in stream.getvalue():
            pass
    lines = stream.getvalue().splitlines()
    assert re.fullmatch(r"\[2/3\] 05_score_rfm still running, 0\.\d s in this stage", lines[1])
    assert "\r" not in stream.getvalue()


def test_the_heartbeat_stops_when_the_stage_fails(stream, monkeypatch):
    monkeypatch.setattr(progress, "_HEARTBEAT_SECONDS", 0.01)
    reporter = Progress(STAGES, {}, stream)
    with pytest.raises(ValueError, match="broken"), reporter.stage("05_score_rfm"):
        raise ValueError("broken")
    stream.truncate(0)
    assert not [thread for thread in progress.threading.enumerate() if thread.name.endswith("(_beat)")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (4.21, "4.2 s"), (59.6, "1:00"), (75, "1:15"), (3700, "1:01:40"), (3599.7, "1:00:00")],
)
def test_a_duration_is_written_like_a_clock(seconds, text):
    assert clock(seconds) == text


def test_a_value_can_neither_control_a_terminal_nor_fake_a_line(stream):
    assert visible("a\x1b[2Jb\rc") == "a\\x1b[2Jb\\rc"
    assert visible("画像 · é") == "画像 · é"
    Progress(STAGES, {}, stream).say("x\x07y\u202ez")
    assert stream.getvalue() == "x\\x07y\\u202ez\n"
