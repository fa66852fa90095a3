import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("toy_workspace", Path(__file__).with_name("toy_workspace.py"))
toy = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toy)


@pytest.fixture
def toy_root(tmp_path):
    """A fresh workspace of the toy profile."""
    return toy.make_toy_workspace(tmp_path / "toy")


@pytest.fixture(scope="module")
def toy_done(tmp_path_factory):
    """A workspace after a complete run of the toy profile; tests must not change it."""
    from workbench.core.workspace import find_workspace
    from workbench.run.flows.flow import run_flow
    from workbench.run.flows.selection import FlowOptions

    root = toy.make_toy_workspace(tmp_path_factory.mktemp("done") / "toy")
    return root, run_flow(find_workspace(root), "toy", FlowOptions())
