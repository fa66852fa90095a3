"""The kept runs: found by id, compared, cleaned; the newest and the last good one stay."""

import datetime as dt
import json
import os

import pytest

from workbench.core.errors import DataError, ProfileError, WorkspaceBusyError
from workbench.core.workspace import Workspace
from workbench.run.artifacts.context import new_run_id
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.history.cleaning import old_runs, remove_runs
from workbench.run.history.comparing import compare_runs
from workbench.run.history.runs import check_profile_name, find_run, kept_runs, last_good_run, run_time

NOW = dt.datetime(2026, 12, 10, tzinfo=dt.UTC)


def keep(root, run_id, status="done", profile="shop", **entry):
    stage = {"status": status, "metrics": {"k": 3}, "tables": {"t": {"rows": 5, "digest": "abc"}}, "settings": {}}
    folder = root / "reports" / profile / run_id
    folder.mkdir(parents=True)
    summary = {"run_id": run_id, "profile": profile, "as_of": "2026-12-01", "status": status, "seconds": 1.5,
               "stages": {"06_segment_customers": stage | entry}}  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


@pytest.fixture
def place(tmp_path):
    root = tmp_path.resolve()
    (root / "params").mkdir()
    (root / "params/idle.yaml").write_text("profile: idle\n", encoding="utf-8")
    for day in range(1, 6):
        keep(root, f"2026120{day}T060000-aaaaa{day}", "failed" if day > 3 else "done")
    os.symlink("20261205T060000-aaaaa5", root / "reports/shop/latest")
    (root / "reports/shop/20261206T000000-broken").mkdir()
    (root / "reports/shop/.staging-20261207T000000-aaaaaa").mkdir()
    return Workspace(root)


def ids(records):
    return [record.run_id[:8] for record in records]


def test_the_newest_run_comes_first_and_half_folders_are_no_runs(place):
    assert ids(kept_runs(place, "shop")) == ["20261205", "20261204", "20261203", "20261202", "20261201"]
    assert ids(kept_runs(place, "shop", 2)) == ["20261205", "20261204"]
    assert last_good_run(place, "shop")["run_id"] == "20261203T060000-aaaaa3"
    assert kept_runs(place, "idle") == [] and last_good_run(place, "idle") == {}


@pytest.mark.parametrize("text", ["20261205", "shop", "shop/latest", "shop/20261205T060000-aaaaa5"])
def test_a_run_is_found_by_the_beginning_of_its_id_or_by_its_profile(place, text):
    assert find_run(place, text).run_id == "20261205T060000-aaaaa5"


def test_a_run_that_is_not_there_or_not_alone_is_named(place):
    with pytest.raises(DataError, match="5 runs begin with '202612'"):
        find_run(place, "202612")
    with pytest.raises(DataError, match="Did you mean '20261205T060000-aaaaa5'"):
        find_run(place, "20261205T060000-aaaab5")
    with pytest.raises(DataError, match="no run 'idle'"):
        find_run(place, "idle")
    with pytest.raises(DataError, match="no run '../etc'"):
        find_run(place, "../etc")


def test_a_profile_counts_that_only_has_reports_left(place):
    assert check_profile_name(place, "shop") == "shop"
    with pytest.raises(ProfileError, match="Did you mean 'shop'"):
        check_profile_name(place, "shp")


def test_what_differs_between_two_runs(place):
    other = keep(place.root, "20261208T060000-bbbbbb", metrics={"k": 4}, tables={"t": {"rows": 5, "digest": "abd"}},
                 settings={"k_max": 6})  # fmt: skip
    first, second = find_run(place, "20261203"), find_run(place, other.name)
    assert [(d.kind, d.name, d.first, d.second) for d in compare_runs(first, second)] == [
        ("setting", "06_segment_customers.k_max", None, 6),
        ("metric", "06_segment_customers.k", 3, 4),
        ("table", "06_segment_customers.t", "5 (abc)", "5 (abd)"),
    ]
    assert compare_runs(first, first) == []


def old(place, keep_newest, days=None):
    return [run.record.run_id[:8] for run in old_runs(place, ["shop"], keep=keep_newest, older_than_days=days, now=NOW)]


def test_the_newest_and_the_last_good_run_always_stay(place):
    assert old(place, 1) == ["20261204", "20261202", "20261201"]
    assert old(place, 4) == ["20261201"]
    assert old(place, 1, days=7) == ["20261202", "20261201"]
    assert old(place, 9) == []


def test_removing_frees_the_folders_and_waits_for_no_run(place):
    runs = old_runs(place, ["shop"], keep=3, older_than_days=None, now=NOW)
    with hold_workspace(place, "test"), pytest.raises(WorkspaceBusyError):
        remove_runs(place, runs)
    assert remove_runs(place, runs) == sum(run.size for run in runs) > 0
    assert ids(kept_runs(place, "shop")) == ["20261205", "20261204", "20261203"]


def test_an_id_sorts_after_the_run_before_whatever_the_clock_shows():
    late = "20991231T235959-ffffff"
    assert new_run_id(after=late)[:15] == "21000101T000000"
    early = new_run_id(after="20200101T000000-ffffff")
    assert abs((run_time(early) - dt.datetime.now(dt.UTC)).total_seconds()) < 5
    assert run_time(new_run_id(after=early)) > run_time(early)
    assert run_time("latest") is None and run_time("20261399T000000-aaaaaa") is None
