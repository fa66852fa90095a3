"""Retention: age counted to the newest good run, the list equals the deletion, and a wrong clock deletes nothing."""

import datetime as dt
import json
import os
import sqlite3

import pytest

from workbench.core.errors import ProfileError, WorkspaceBusyError
from workbench.core.params.profile import load_profile
from workbench.core.workspace import find_workspace
from workbench.run.artifacts.audit import audit_path, verify_audit
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions
from workbench.run.services.retention import applying
from workbench.run.services.retention.applying import apply_retention

LIMITS = "retention: {tables: {features: 30}, runs: 100, reports: 60, rejects: 30, logs: 50, mlflow: 60, subjects: 30}"
TODAY = dt.date(2024, 3, 5)
DAYS = ("2023-10-01", "2023-12-20", "2024-01-20", "2024-03-01")


@pytest.fixture(scope="module")
def months(tmp_path_factory, make_toy):
    """A workspace with four runs over half a year."""
    root = make_toy(tmp_path_factory.mktemp("months") / "toy")
    profile = root / "params/toy.yaml"
    text = profile.read_text(encoding="utf-8").replace("as_of: 2024-03-01\n", "")
    profile.write_text(text.replace("  cell_seconds", f"  {LIMITS}\n  cell_seconds"), encoding="utf-8")
    for day in DAYS:
        assert run_flow(find_workspace(root), "toy", FlowOptions(as_of=day)).error is None
    return root


@pytest.fixture
def workspace(months, tmp_path, monkeypatch):
    import subprocess

    subprocess.run(["cp", "-a", str(months), str(tmp_path / "toy")], check=True)
    monkeypatch.setattr(applying, "shop_day", lambda _: TODAY)
    for name in ("logs/old.log", "logs/new.log", "subjects/C1"):
        path = tmp_path / "toy/data/interim/toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        moment = dt.datetime(2023, 12, 1) if "new" not in name else dt.datetime(2024, 2, 20)
        os.utime(path, (moment.timestamp(), moment.timestamp()))
    return find_workspace(tmp_path / "toy")


def files(workspace):
    kept = ("mlruns/mlflow.db", ".workbench/", "mlruns/.")
    paths = (workspace.relative(path) for path in workspace.root.rglob("*") if path.is_file())
    return {path for path in paths if not path.startswith(kept)}


def tracked(workspace):
    with sqlite3.connect(workspace.tracking / "mlflow.db") as store:
        rows = store.execute(
            "select r.run_uuid, t.value from runs r join tags t using (run_uuid) where t.key = 'workbench.as_of'"
        )
        return dict(rows.fetchall())


def test_what_is_listed_is_what_is_deleted(workspace):
    before = files(workspace)
    (listed,) = apply_retention(workspace, delete=False)
    assert files(workspace) == before and not listed.deleted and listed.reference == dt.date(2024, 3, 1)
    (done,) = apply_retention(workspace, delete=True)
    assert done.deleted and done.expired == listed.expired
    gone = before - files(workspace)
    names = {item.name for item in done.expired if item.kind != "mlflow"}
    assert all(
        any(path == name or path.startswith(f"{name}/") for name in names) for path in gone if "mlruns" not in path
    )
    assert not any((workspace.root / name).exists() for name in names)
    assert {path.split("/")[2] for path in gone if path.startswith("reports/")} == {
        item.name.split("/")[2] for item in done.expired if item.kind == "reports"
    }
    (again,) = apply_retention(workspace, delete=True)
    assert again.expired == []


def test_age_is_counted_to_the_newest_good_run_and_what_it_rests_on_stays(workspace):
    (done,) = apply_retention(workspace, delete=True)
    by_kind = {kind: sorted({item.dated.isoformat() for item in done.expired if item.kind == kind})
               for kind in ("reports", "mlflow", "logs", "subjects", "tables")}  # fmt: skip
    assert by_kind["reports"] == by_kind["mlflow"] == list(DAYS[:2])
    assert by_kind["logs"] == by_kind["subjects"] == ["2023-12-01"]
    assert by_kind["tables"] == list(DAYS[1:3])  # `features` of two kept runs; all of the first run is too old
    assert all(item.days == (dt.date(2024, 3, 1) - item.dated).days for item in done.expired if item.kind != "subjects")
    assert set(tracked(workspace).values()) == set(DAYS[2:])
    result = run_flow(workspace, "toy", FlowOptions(as_of=DAYS[-1]))
    assert all("reused_from" in stage for stage in result.summary["stages"].values())


def test_tracked_runs_are_gone_with_their_files_and_children(workspace):
    (done,) = apply_retention(workspace, delete=True)
    removed = {item.name for item in done.expired if item.kind == "mlflow"}
    assert removed and not removed & set(tracked(workspace))
    assert not [path for path in (workspace.tracking / "artifacts").rglob("*") if removed & set(path.parts)]
    with sqlite3.connect(workspace.tracking / "mlflow.db") as store:
        for table in ("metrics", "latest_metrics", "params", "tags"):
            owners = {row[0] for row in store.execute(f"select distinct run_uuid from {table}")}
            assert not owners & removed


@pytest.mark.parametrize(("today", "deletes"), [(dt.date(2024, 4, 10), True), (dt.date(2024, 4, 11), False)])
def test_a_clock_more_than_forty_days_past_deletes_nothing_without_a_date(workspace, monkeypatch, today, deletes):
    monkeypatch.setattr(applying, "shop_day", lambda _: today)
    before = files(workspace)
    (outcome,) = apply_retention(workspace, delete=True)
    assert outcome.expired and outcome.deleted == deletes
    assert (files(workspace) == before) != deletes
    assert outcome.days_behind == (0 if deletes else 41)
    if not deletes:
        (outcome,) = apply_retention(workspace, delete=True, as_of=dt.date(2024, 3, 1))
        assert outcome.deleted and files(workspace) < before


def test_a_date_in_the_future_and_a_run_at_work_are_refused(workspace):
    with pytest.raises(ProfileError, match="2024-03-06 lies in the future"):
        apply_retention(workspace, delete=True, as_of=dt.date(2024, 3, 6))
    with hold_workspace(workspace, "a run"), pytest.raises(WorkspaceBusyError):
        apply_retention(workspace, delete=True)


def test_a_deletion_is_in_the_audit_log_without_names(workspace):
    apply_retention(workspace, delete=True)
    (line,) = audit_path(workspace).read_text(encoding="utf-8").splitlines()
    entry = json.loads(line)
    assert entry["event"] == "retention" and entry["facts"]["profile"] == "toy" and entry["facts"]["reports"] == 2
    assert verify_audit(workspace).changed == []


def test_without_limits_only_answers_to_customers_expire(workspace):
    profile = workspace.params / "toy.yaml"
    profile.write_text(profile.read_text(encoding="utf-8").replace(f"  {LIMITS}\n", ""), encoding="utf-8")
    (outcome,) = apply_retention(workspace, delete=False)
    assert {item.kind for item in outcome.expired} == {"subjects"}


@pytest.mark.parametrize("limits", ["{runs: 0}", "{tables: {features: -1}}", "{report: 30}"])
def test_a_limit_that_is_none_is_refused(workspace, limits):
    profile = workspace.params / "toy.yaml"
    text = profile.read_text(encoding="utf-8").replace(LIMITS, f"retention: {limits}")
    profile.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match="run: .*(runs|tables|report)"):
        load_profile(workspace, "toy")
