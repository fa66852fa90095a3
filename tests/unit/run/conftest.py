import importlib.util
import sqlite3
import subprocess
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("toy_workspace", Path(__file__).with_name("toy_workspace.py"))
toy = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toy)


@pytest.fixture
def toy_root(tmp_path):
    """A fresh workspace of the toy profile."""
    return toy.make_toy_workspace(tmp_path / "toy")


@pytest.fixture(scope="session")
def make_toy():
    """Function that writes a workspace of the toy profile into a folder."""
    return toy.make_toy_workspace


@pytest.fixture(scope="session")
def toy_done(tmp_path_factory):
    """A workspace after a complete run of the toy profile; tests must not change it."""
    from workbench.core.workspace import find_workspace
    from workbench.run.flows.flow import run_flow
    from workbench.run.flows.selection import FlowOptions

    root = toy.make_toy_workspace(tmp_path_factory.mktemp("done") / "toy")
    return root, run_flow(find_workspace(root), "toy", FlowOptions())


@pytest.fixture
def toy_copy(toy_done, tmp_path):
    """A copy of that workspace, for tests that change it."""
    root = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(toy_done[0]), str(root)], check=True)
    artifacts = root / "mlruns/artifacts"
    with sqlite3.connect(root / "mlruns/mlflow.db") as store:  # its addresses are absolute
        store.execute("update experiments set artifact_location = ?", (artifacts.as_uri(),))
        store.execute("update runs set artifact_uri = ? || run_uuid", (f"{artifacts.as_uri()}/",))
    return root
