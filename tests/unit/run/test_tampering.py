"""What was published is used as it was published, or refused by name."""

import shutil

import pytest

from workbench.core.errors import DataError
from workbench.core.params.profile import load_profile
from workbench.core.store.tables import Store
from workbench.core.workspace import find_workspace
from workbench.run.artifacts.assignments import read_assignment, write_assignment
from workbench.run.commands.profiles.checking import check_profile
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions

FILES = ["features.parquet", "summary.json", "notebook.ipynb"]


def spoil(path):
    """Change one byte and nothing else."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused_before_anything_runs(toy_copy, name):
    spoil(toy_copy / "data/processed/toy/.stages/03_build_features/current" / name)
    for options in (FlowOptions(), FlowOptions(only="14_write_report")):
        with pytest.raises(DataError, match=f"{name} of 03_build_features was changed after it was published"):
            run_flow(find_workspace(toy_copy), "toy", options)
    with pytest.raises(DataError, match=name):
        check_profile(find_workspace(toy_copy), "toy", lambda *_: [])


def test_a_changed_table_is_not_read_by_hand_either(toy_copy):
    spoil(toy_copy / "data/processed/toy/.stages/03_build_features/current/features.parquet")
    with pytest.raises(DataError, match=r"features\.parquet of 03_build_features"):
        Store(find_workspace(toy_copy), "toy").read("features")


def test_a_run_by_force_replaces_what_was_changed(toy_copy):
    path = toy_copy / "data/processed/toy/.stages/03_build_features/current/features.parquet"
    spoil(path)
    result = run_flow(find_workspace(toy_copy), "toy", FlowOptions(first="03_build_features", force=True))
    assert result.error is None
    Store(find_workspace(toy_copy), "toy").read("features")


def test_an_assignment_is_the_one_that_was_written(toy_root, monkeypatch):
    import datetime as dt

    import pandas as pd

    workspace = find_workspace(toy_root)
    frame = pd.DataFrame({"source": "", "source_id": ["a", "b"], "arm": ["treat", "hold_out"], "share": [0.5, 0.5]})
    path = write_assignment(workspace, "toy", "spring", frame, dt.datetime(2024, 1, 1), about={"outcome": "orders_90d"})
    assert len(read_assignment(workspace, "toy", "spring")) == 2
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace("treat", "trea2").replace("hold_out", "treat").replace("trea2", "hold_out"))
    with pytest.raises(DataError, match="spring.csv: the file was changed since it was written"):
        read_assignment(workspace, "toy", "spring")
    with pytest.raises(DataError, match="spring.csv"):
        run_flow(workspace, "toy", FlowOptions())
    path.write_text(whole)
    spoil(path.with_suffix(".json"))
    with pytest.raises(DataError, match="spring.json"):
        check_profile(workspace, "toy", lambda *_: [])
    shutil.rmtree(path.parent)
    assert load_profile(workspace, "toy").sources.keys() == {"orders"}
