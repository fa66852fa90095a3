"""Running what is due: the date of the moment, once, never two at once, and what is kept of it."""

import datetime as dt
import json
import stat
from types import SimpleNamespace

import pytest

from workbench.core.errors import DataError, ProfileError, StageError, WorkspaceBusyError
from workbench.core.workspace import Workspace
from workbench.run.schedules import due
from workbench.run.schedules.records import Planned, keep_planned, read_state

MOMENT = dt.datetime(2026, 12, 1, 22, tzinfo=dt.UTC)  # 06:00 of the next day in Shanghai
NOW = MOMENT + dt.timedelta(minutes=4)


@pytest.fixture
def place(tmp_path):
    workspace = Workspace(tmp_path.resolve())
    keep_planned(workspace, "tiny", Planned("06:00", "Asia/Shanghai", MOMENT - dt.timedelta(hours=1)))
    return workspace


class Runs:
    """Counts the runs; each ends as it is told to."""

    def __init__(self, error=None, raised=None):
        self.dates, self.error, self.raised = [], error, raised

    def __call__(self, _decision, as_of):
        self.dates.append(as_of)
        if self.raised:
            raise self.raised
        return SimpleNamespace(summary={"run_id": "r1"}, error=self.error)


def call(place, runs, now=NOW):
    return due.run_if_due(place, "tiny", runs, now=now)[0].verdict


def test_the_as_of_date_is_the_date_of_the_moment_in_its_zone(place):
    runs = Runs()
    assert call(place, runs) == "due"
    assert runs.dates == ["2026-12-02"]
    state = read_state(place, "tiny")
    assert (state.moment, state.outcome, state.exit_code, state.run_id) == (MOMENT, "done", 0, "r1")


def test_it_runs_once_for_a_moment(place):
    runs = Runs()
    assert [call(place, runs), call(place, runs), call(place, runs, NOW + dt.timedelta(1))] == ["due", "handled", "due"]
    assert runs.dates == ["2026-12-02", "2026-12-03"]


def test_a_failed_run_is_not_tried_again_before_the_next_moment(place):
    runs = Runs(error=StageError("no"))
    assert [call(place, runs), call(place, runs)] == ["due", "handled"]
    assert read_state(place, "tiny").outcome == "failed"


def test_a_refused_run_counts_and_its_exit_code_is_kept(place):
    with pytest.raises(DataError):
        call(place, Runs(raised=DataError("no file")))
    assert (read_state(place, "tiny").outcome, read_state(place, "tiny").exit_code) == ("refused", 3)


def test_a_run_that_another_run_kept_out_is_tried_at_the_next_call(place):
    with pytest.raises(WorkspaceBusyError):
        call(place, Runs(raised=WorkspaceBusyError("held")))
    assert read_state(place, "tiny") is None
    assert call(place, Runs()) == "due"


def test_a_second_call_during_the_run_is_refused(place):
    codes = []

    def run(_decision, _as_of):
        with pytest.raises(WorkspaceBusyError, match="scheduled run of tiny is under way .pid"):
            call(place, Runs())
        codes.append(due.standing(place, "tiny", NOW).running)
        return SimpleNamespace(summary={"run_id": "r1"}, error=None)

    assert due.run_if_due(place, "tiny", run, now=NOW)[0].is_due
    assert codes == [True]
    assert not due.standing(place, "tiny", NOW).running


def test_a_run_whose_process_died_is_started_once_more(place):
    class Killed(BaseException):
        pass

    for _ in range(2):
        with pytest.raises(Killed):
            call(place, Runs(raised=Killed()))
    assert call(place, Runs()) == "handled"


def test_without_a_schedule_the_command_that_sets_one_is_named(place):
    with pytest.raises(ProfileError, match="workbench schedule other --every"):
        due.run_if_due(place, "other", Runs())


def test_what_is_kept_is_private_and_a_damaged_file_is_named(place):
    call(place, Runs())
    folder = place.root / ".workbench" / "schedules"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    (folder / "tiny.json").write_text(json.dumps({"every": "06:00"}), encoding="utf-8")
    with pytest.raises(DataError, match=r"schedules/tiny.json: not a schedule"):
        call(place, Runs())
