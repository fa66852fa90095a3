"""Kept runs: which one is compared with, by date and id; what is no run."""

import datetime as dt
import json

import pytest

from workbench.core.errors import ProfileError
from workbench.core.workspace import Workspace
from workbench.run.artifacts.kept_runs import choose_run, earlier_runs, kept_runs, runs_folder

DAY = dt.date(2025, 6, 1)


def keep(workspace, run_id, as_of, *, digest="a"):
    folder = runs_folder(workspace, "shop") / run_id
    folder.mkdir(parents=True)
    manifest = {"format": 1, "run_id": run_id, "as_of": as_of, "tables": {"rfm": digest}, "stages": {}}
    (folder / "run.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.fixture
def workspace(tmp_path):
    place = Workspace(tmp_path.resolve())
    keep(place, "20250602T000000-c", "2025-06-01", digest="c")
    keep(place, "20250601T000000-b", "2025-05-01", digest="b")
    keep(place, "20250501T000000-a", "2025-05-01", digest="a")
    return place


def test_the_last_run_is_the_latest_with_an_earlier_date(workspace):
    runs = kept_runs(workspace, "shop")
    assert choose_run(runs, "last", DAY).run_id == "20250601T000000-b"
    assert choose_run(runs, "last", dt.date(2025, 5, 1)) is None  # the date goes backwards
    assert choose_run([], "last", DAY) is None  # the first run ever
    assert choose_run(runs, "none", DAY) is None


def test_a_run_is_named_by_its_id_or_by_a_date(workspace):
    runs = kept_runs(workspace, "shop")
    assert choose_run(runs, "20250501T000000-a", DAY).as_of == dt.date(2025, 5, 1)
    assert choose_run(runs, "2025-05-20", DAY).run_id == "20250601T000000-b"
    with pytest.raises(ProfileError, match="no kept run is as of 2025-04-01 or earlier"):
        choose_run(runs, "2025-04-01", DAY)
    with pytest.raises(ProfileError, match="Did you mean '2025"):
        choose_run(runs, "20250601T000000-x", DAY)


def test_a_renamed_profile_has_no_runs_and_a_torn_manifest_is_none(workspace):
    assert kept_runs(workspace, "renamed") == []
    torn = runs_folder(workspace, "shop") / "20250603T000000-d"
    torn.mkdir()
    (torn / "run.json").write_text("{", encoding="utf-8")
    assert len(kept_runs(workspace, "shop")) == 3


def test_each_earlier_date_has_one_run_and_the_digest_knows_no_run_id(workspace):
    assert [run.run_id for run in earlier_runs(workspace, "shop", DAY)] == ["20250601T000000-b"]
    keep(workspace, "20250701T000000-e", "2025-05-01", digest="b")
    first, again = (run for run in kept_runs(workspace, "shop") if run.run_id[-1] in "be")
    assert first.digest == again.digest
