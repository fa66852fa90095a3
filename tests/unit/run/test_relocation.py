"""A copied workspace tracks into itself, not into the original."""

import shutil
import subprocess

from workbench.core.workspace import find_workspace
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions
from workbench.run.tracking.relocation import relocate_store
from workbench.run.tracking.runs import Tracker


def test_runs_of_a_copy_lie_in_the_copy(toy_root, tmp_path):
    assert run_flow(find_workspace(toy_root), "toy", FlowOptions()).error is None
    original = {path for path in toy_root.rglob("*")}
    copy = tmp_path / "a copy"
    subprocess.run(["cp", "-a", str(toy_root), str(copy)], check=True)
    result = run_flow(find_workspace(copy), "toy", FlowOptions(force=True))
    assert result.error is None
    assert {path for path in toy_root.rglob("*")} == original
    client = Tracker(find_workspace(copy), "toy").client
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    assert {run.info.artifact_uri.startswith(copy.as_uri()) for run in runs} == {True} and len(runs) >= 8
    earlier = [run for run in runs if run.data.tags.get("workbench.run_id") != result.summary["run_id"]]
    assert any(client.list_artifacts(run.info.run_id) for run in earlier)
    assert relocate_store(find_workspace(copy)) == []
    shutil.rmtree(toy_root)
    assert run_flow(find_workspace(copy), "toy", FlowOptions()).error is None
    assert not toy_root.exists()


def test_notebooks_and_errors_say_nothing_of_their_place(toy_root):
    (toy_root / "data/raw/fault.txt").write_text("raise")
    result = run_flow(find_workspace(toy_root), "toy", FlowOptions())
    assert str(toy_root) not in str(result.error) and "planned failure" in str(result.error)
    notebooks = list(result.folder.rglob("*.ipynb"))
    assert len(notebooks) == 2
    assert not any(
        str(toy_root) in path.read_text(encoding="utf-8") for path in [*notebooks, *result.folder.rglob("*.html")]
    )


def test_a_run_that_was_published_before_its_process_died_is_completed_in_tracking(toy_copy):
    workspace = find_workspace(toy_copy)
    tracker = Tracker(workspace, "toy")
    (run_id,) = {path.parent.name for path in workspace.reports("toy").glob("2*/summary.json")}
    parent = tracker.begin(run_id, {})
    child = tracker._open(parent, "03_build_features", {"run_id": run_id, "stage": "03_build_features"})
    orphan = tracker.begin("20200101T000000-aaaaaa", {})
    assert sorted(tracker.close_dead_runs()) == sorted([run_id, run_id, "20200101T000000-aaaaaa"])
    status = {run: tracker.client.get_run(run).info.status for run in (parent, child, orphan)}
    assert list(status.values()) == ["FINISHED", "FINISHED", "KILLED"]
    assert "report.html" in {file.path for file in tracker.client.list_artifacts(parent)}
    assert tracker.client.get_run(parent).data.tags["workbench.status"] == "done"
