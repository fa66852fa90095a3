"""A scratch area: computed, tracked, and nothing published."""

import json
import sqlite3

import pytest

from workbench.core.errors import ProfileError
from workbench.core.workspace import find_workspace
from workbench.run.artifacts.context import current_context
from workbench.run.artifacts.scratch import SCRATCH_VARIABLE, open_scratch
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions

CHANGED = ("03_build_features.windows_days=[7]",)


def published(root):
    """Return path, link target or bytes of everything that a reader of the profile sees."""
    files = [path for folder in ("data/processed", "reports") for path in sorted((root / folder).rglob("*"))]
    return {
        path: str(path.readlink()) if path.is_symlink() else path.read_bytes() for path in files if not path.is_dir()
    }


def scratch_runs(root, name):
    with sqlite3.connect(root / "mlruns/mlflow.db") as store:
        query = "select r.name from runs r join tags t using (run_uuid) where t.key = ? and t.value = ?"
        return {row[0] for row in store.execute(query, ("workbench.scratch", name))}


def test_a_scratch_run_reuses_what_is_published_and_publishes_nothing(toy_copy):
    before = published(toy_copy)
    scratch = open_scratch(find_workspace(toy_copy), "toy", "short")
    result = run_flow(scratch, "toy", FlowOptions(settings=CHANGED))
    assert published(toy_copy) == before
    stages = result.summary["stages"]
    assert [name for name, stage in stages.items() if stage.get("reused_from")] == ["01_check_quality"]
    assert stages["03_build_features"]["metrics"]["windows"] == 1
    assert (toy_copy / "data/interim/toy/scratch/short/features.parquet").is_file()
    summary = json.loads((toy_copy / "data/interim/toy/scratch/short/reports/latest/summary.json").read_text())
    assert summary["status"] == "done"


def test_its_runs_are_tracked_under_its_name(toy_copy):
    run_flow(open_scratch(find_workspace(toy_copy), "toy", "short"), "toy", FlowOptions(settings=CHANGED))
    assert "03_build_features [short]" in scratch_runs(toy_copy, "short")
    assert len(scratch_runs(toy_copy, "short")) == 3  # the flow and the two stages that ran


def test_a_second_run_in_the_same_area_reuses_the_first(toy_copy):
    for _ in range(2):
        result = run_flow(open_scratch(find_workspace(toy_copy), "toy", "short"), "toy", FlowOptions(settings=CHANGED))
    assert all(stage.get("reused_from") for stage in result.summary["stages"].values())


def test_an_area_of_a_profile_that_never_ran_starts_empty(toy_root):
    result = run_flow(open_scratch(find_workspace(toy_root), "toy", "first"), "toy", FlowOptions())
    assert result.error is None
    assert not (toy_root / "data/processed").exists()


def test_private_people_and_the_vault_are_not_copied(toy_copy):
    for name in ("people.parquet", "vault.parquet"):
        (toy_copy / "data/interim/toy").mkdir(parents=True, exist_ok=True)
        (toy_copy / "data/interim/toy" / name).write_bytes(b"secret")
    scratch = open_scratch(find_workspace(toy_copy), "toy", "short")
    assert not [
        path for path in scratch.processed("toy").rglob("*") if path.is_file() and b"secret" in path.read_bytes()
    ]


def test_a_notebook_run_by_hand_goes_to_the_area_that_the_environment_names(toy_copy, monkeypatch):
    monkeypatch.chdir(toy_copy)
    monkeypatch.setenv(SCRATCH_VARIABLE, "by_hand")
    context = current_context("toy")
    assert context.place.processed("toy") == toy_copy / "data/interim/toy/scratch/by_hand"
    assert set(context.stages) == {"01_check_quality", "03_build_features", "14_write_report"}


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "x" * 41, "a b"])
def test_a_name_that_is_no_folder_is_refused(toy_copy, name):
    with pytest.raises(ProfileError, match="cannot be the name of a scratch area") as raised:
        open_scratch(find_workspace(toy_copy), "toy", name)
    assert raised.value.exit_code == 2
