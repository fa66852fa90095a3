"""The manifest decides whether a stage is reused: same key and all files unchanged."""

import json

import pytest

from workbench.core.workspace import Workspace
from workbench.run.artifacts.context import stage_folder
from workbench.run.artifacts.manifest import (
    MANIFEST,
    is_current,
    read_manifest,
    summary_digest,
    table_digests,
    write_manifest,
)

KEY = {"stage": "05_score_rfm", "settings": {"bins": 5}, "inputs": {"features": "abc"}}


@pytest.fixture
def summary():
    table = {"rows": 3, "digest": "d1", "path": "data/processed/shop/rfm.parquet"}
    return {
        "stage": "05_score_rfm",
        "run_id": "run1",
        "seconds": 4.2,
        "status": "done",
        "metrics": {"customers": 3},
        "tables": {"rfm": table},
    }


@pytest.fixture
def staged(tmp_path, summary):
    folder = tmp_path / "staged"
    (folder / "figures").mkdir(parents=True)
    (folder / "rfm.parquet").write_bytes(b"rows")
    (folder / "figures" / "grid.svg").write_text("<svg/>", encoding="utf-8")
    write_manifest(folder, KEY, summary)
    return folder


def test_a_manifest_lists_every_other_file_with_its_digest(staged):
    manifest = read_manifest(staged)
    assert sorted(manifest["files"]) == ["figures/grid.svg", "rfm.parquet"]
    assert manifest["tables"] == {"rfm": "d1"}
    assert manifest["depends_on"] == KEY


def test_the_order_of_entries_in_a_key_does_not_matter(staged):
    assert is_current(staged, KEY)
    assert is_current(staged, dict(reversed(KEY.items())))


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"bins": 4}},
        {"inputs": {"features": "other"}},
        {"inputs": {"features": "abc", "transactions": "x"}},
        {"code": "y"},
    ],
)
def test_any_change_of_settings_inputs_or_code_makes_it_stale(staged, changed):
    assert not is_current(staged, KEY | changed)


@pytest.mark.parametrize("name", ["rfm.parquet", "figures/grid.svg"])
def test_a_missing_file_makes_it_stale(staged, name):
    (staged / name).unlink()
    assert not is_current(staged, KEY)


@pytest.mark.parametrize("text", ["", "{half"])
def test_an_incomplete_manifest_makes_it_stale(staged, text):
    (staged / MANIFEST).write_text(text, encoding="utf-8")
    assert not is_current(staged, KEY)


def test_a_folder_without_a_manifest_is_not_current(tmp_path):
    assert not is_current(tmp_path, KEY)
    assert read_manifest(tmp_path) == {}


def test_a_stage_run_by_hand_is_never_reused_by_a_flow(staged, summary):
    write_manifest(staged, None, summary)
    assert read_manifest(staged)["key"] is None
    assert not is_current(staged, KEY)


def test_a_summary_digest_ignores_only_run_id_and_seconds(summary):
    repeated = summary | {"run_id": "run2", "seconds": 9.9}
    assert summary_digest(repeated) == summary_digest(summary)
    assert summary_digest(summary | {"metrics": {"customers": 4}}) != summary_digest(summary)


def test_the_digests_of_all_tables_come_from_their_writers(tmp_path, summary):
    workspace = Workspace(tmp_path.resolve())
    folder = stage_folder(workspace, "shop", "05_score_rfm")
    folder.mkdir(parents=True)
    write_manifest(folder, KEY, summary)
    assert table_digests(workspace, "shop") == {"rfm": "d1"}
    assert table_digests(workspace, "other") == {}


def test_for_an_own_table_of_two_writers_the_published_one_counts(tmp_path, summary):
    workspace = Workspace(tmp_path.resolve())
    for stage, digest in (("14_study_gifts", "new"), ("15_study_gifts", "old")):
        folder = stage_folder(workspace, "shop", stage)
        folder.mkdir(parents=True)
        write_manifest(folder, KEY, summary | {"tables": {"own_gifts": {"digest": digest}}})
    (workspace.processed("shop") / "own_gifts.parquet").symlink_to(".stages/14_study_gifts/current/own_gifts.parquet")
    assert table_digests(workspace, "shop") == {"own_gifts": "new"}


def test_the_same_stage_gives_the_same_manifest(staged, summary):
    before = (staged / MANIFEST).read_bytes()
    write_manifest(staged, KEY, json.loads(json.dumps(summary)))
    assert (staged / MANIFEST).read_bytes() == before
