"""The same notebook by hand: Run All gives the same bytes as the flow, and is tracked the same way."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys

import nbformat
import papermill
import pytest
from nbclient import NotebookClient

from workbench.core.params.profile import load_profile
from workbench.core.workspace import find_workspace

# a sample; the flow runs all of them
BY_HAND = ("01_check_quality", "03_build_features", "05_score_rfm", "12_tag_customers", "14_write_report")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def prepared(root, stage):
    """Return a copy with the parameters of tiny, which papermill has not run."""
    profile = load_profile(find_workspace(root), "tiny")
    template, target = root / f"notebooks/{stage}.ipynb", root / f"notebooks/prepared_{stage}.ipynb"
    parameters = {"profile": "tiny", **profile.sections[stage].model_dump(mode="json")}
    papermill.execute_notebook(str(template), str(target), parameters=parameters, prepare_only=True, progress_bar=False)
    return target


@pytest.fixture(scope="module")
def copy(tiny, tmp_path_factory):
    """A copy of the workspace in which tiny has run, for runs by hand."""
    root = tmp_path_factory.mktemp("hand") / "workspace"
    shutil.copytree(tiny, root, symlinks=True)
    shutil.rmtree(root / "mlruns")
    return root


@pytest.mark.slow
def test_run_all_by_hand_gives_byte_identical_tables_and_is_tracked(copy, tiny):
    stage = "05_score_rfm"
    before = {path.name: digest(path) for path in (tiny / "data/processed/tiny").glob("*.parquet")}
    notebook = nbformat.read(prepared(copy, stage), as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(copy / "notebooks")}}).execute()
    after = {path.name: digest(path) for path in (copy / "data/processed/tiny").glob("*.parquet")}
    assert after == before
    current = (copy / f"data/processed/tiny/.stages/{stage}/current").resolve().name
    assert "-hand" in current
    with sqlite3.connect(copy / "mlruns/mlflow.db") as store:
        runs = store.execute("select name, status from runs").fetchall()
        tags = dict(store.execute("select key, value from tags").fetchall())
        metrics = dict(store.execute("select key, value from latest_metrics").fetchall())
    assert runs == [(stage, "FINISHED")]
    assert tags["workbench.by"] == "hand"
    assert metrics["customers"] == 400


@pytest.mark.slow
@pytest.mark.parametrize("stage", BY_HAND)
def test_nbval_finds_no_failing_cell(copy, stage):
    options = ["--nbval-lax", "--nbval-cell-timeout=300", "-q", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, str(prepared(copy, stage))]
    process = subprocess.run(command, capture_output=True, text=True, cwd=copy, check=False)
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-2000:]
