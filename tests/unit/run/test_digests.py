"""What decides whether a stage runs again: inputs, parameters and every module its notebook reaches."""

import json
import os

import pytest

from workbench.core.params.profile import load_profile
from workbench.core.workspace import Workspace
from workbench.run.artifacts import digests
from workbench.run.artifacts.digests import code_digest, file_digests, source_files, stage_inputs, stage_key

PROFILE = """\
sources:
  orders:
    path: data/raw/*.csv
    table: transactions
    columns: {order_id: a, customer_id: b}
"""
CACHES = ("_data_files", "_module_tree", "_file_digest")


@pytest.fixture
def workspace(tmp_path):
    for name in ("params", "data/raw"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "params" / "shop.yaml").write_text(PROFILE, encoding="utf-8")
    return Workspace(tmp_path.resolve())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Put a small package in the place of the real one; forget what was read whenever it is digested."""
    root = tmp_path / "workbench"
    write(root / "__init__.py", "")
    write(root / "analysis" / "__init__.py", "")
    write(root / "analysis" / "rfm.py", "from workbench.core import errors\n")
    write(root / "analysis" / "unused.py", "x = 1\n")
    write(root / "core" / "__init__.py", "")
    write(root / "core" / "errors.py", "y = 1\n")
    write(root / "report" / "__init__.py", "")
    write(root / "report" / "text.py", "def say():\n    from workbench.core import late\n")
    write(root / "core" / "late.py", "z = 1\n")
    write(root / "report" / "texts" / "common.yaml", "a: 1\n")
    monkeypatch.setattr(digests, "_PACKAGE", root)
    forget()
    yield root
    forget()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def forget():
    for name in CACHES:
        getattr(digests, name).cache_clear()


def notebook(tmp_path, *sources):
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    path = tmp_path / "05_score_rfm.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")
    return path


def code(path):
    forget()
    return code_digest(path)


@pytest.mark.parametrize(
    ("name", "felt"),
    [
        ("analysis/rfm.py", True),
        ("core/errors.py", True),
        ("analysis/unused.py", False),
        ("report/text.py", False),
    ],
)
def test_code_is_felt_where_the_notebook_reaches_it_and_nowhere_else(tmp_path, package, name, felt):
    path = notebook(tmp_path, "from workbench.analysis.rfm.scores import score_rfm\n")
    before = code(path)
    write(package / name, (package / name).read_text(encoding="utf-8") + "more = 2\n")
    assert (code(path) != before) is felt


@pytest.mark.parametrize("name", ["report/texts/common.yaml", "core/late.py"])
def test_texts_and_modules_imported_inside_a_function_count(tmp_path, package, name):
    path = notebook(tmp_path, "from workbench.report.text import say\n")
    before = code(path)
    write(package / name, "changed: 2\n" if name.endswith("yaml") else "changed = 2\n")
    assert code(path) != before


def test_a_change_of_the_notebook_itself_counts(tmp_path, package):
    before = code(notebook(tmp_path, "x = 1\n"))
    assert code(notebook(tmp_path, "x = 2\n")) != before


def test_a_markdown_cell_that_speaks_of_an_import_does_no_harm(tmp_path, package):
    assert code(notebook(tmp_path, "What we import: everything, from everywhere!\n"))


def test_modules_that_import_each_other_are_followed_once(tmp_path, package):
    write(package / "core" / "errors.py", "from workbench.analysis import rfm\n")
    assert code(notebook(tmp_path, "from workbench.analysis import rfm\n"))


def key(workspace, stage="05_score_rfm", *, settings=(), as_of="2024-01-01", code="c", inputs=None):
    profile = load_profile(workspace, "shop", settings=settings)
    return stage_key(stage, profile=profile, as_of=as_of, code=code, inputs=inputs or {})


def test_equal_circumstances_give_equal_keys_that_json_can_hold(workspace):
    assert key(workspace) == key(workspace)
    assert json.loads(json.dumps(key(workspace))) == key(workspace)


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": ["05_score_rfm.bins=4"]},
        {"settings": ["language=zh"]},
        {"as_of": "2024-01-02"},
        {"code": "d"},
        {"inputs": {"features": "x"}},
    ],
)
def test_each_circumstance_changes_the_key(workspace, changed):
    assert key(workspace, **changed) != key(workspace)


def test_parameters_of_another_stage_do_not(workspace):
    assert key(workspace, settings=["08_predict_churn.seed=1", "run.threads=1"]) == key(workspace)


def test_quality_feels_its_sources_and_the_report_feels_the_goal(workspace):
    rules = ["sources.orders.rules={kept: quantity > 0}"]
    assert key(workspace, "01_check_quality", settings=rules) != key(workspace, "01_check_quality")
    assert key(workspace, settings=rules) == key(workspace)
    goal = ["goal.question=Whom to reach?"]
    assert key(workspace, "14_write_report", settings=goal) != key(workspace, "14_write_report")


def test_a_stage_depends_on_the_tables_it_reads_of_those_that_are_there():
    given = {"features": "a", "transactions": "b", "segments": "c"}
    assert stage_inputs("05_score_rfm", given) == {"features": "a", "transactions": "b"}
    assert stage_inputs("05_score_rfm", {}) == {}


def test_source_files_are_all_that_match_sorted(workspace):
    for name in ("b.csv", "a.csv", "c.txt"):
        (workspace.raw / name).write_text("x\n", encoding="utf-8")
    found = source_files(workspace, load_profile(workspace, "shop"))
    assert [path.name for path in found] == ["a.csv", "b.csv"]


def test_rates_and_questionnaires_are_read_with_their_source(workspace):
    wide = "  talks: {path: t.csv, table: responses, layout: wide, columns: {customer_id: id}, questionnaire: talks}\n"
    (workspace.root / "params/shop.yaml").write_text(PROFILE + wide, encoding="utf-8")
    (workspace.root / "params/questionnaires").mkdir()
    (workspace.root / "params/questionnaires/talks.yaml").write_text("questionnaire: talks\n", encoding="utf-8")
    assert [path.name for path in source_files(workspace, load_profile(workspace, "shop"))] == ["talks.yaml"]


def test_a_file_is_digested_by_content_and_read_again_only_when_it_changed(workspace, monkeypatch):
    path = workspace.raw / "a.csv"
    path.write_text("x\n", encoding="utf-8")
    first = file_digests(workspace, [path])
    assert list(first) == ["data/raw/a.csv"]
    read = []
    monkeypatch.setattr(digests, "digest_file", lambda each: read.append(each) or "new")
    assert file_digests(workspace, [path]) == first
    assert not read
    path.write_text("y\n", encoding="utf-8")
    os.utime(path, (1, 1))
    assert file_digests(workspace, [path]) == {"data/raw/a.csv": "new"}


def test_a_file_of_same_size_and_time_but_other_content_is_noticed(workspace):
    path = workspace.raw / "a.csv"
    path.write_text("x\n", encoding="utf-8")
    os.utime(path, (1, 1))
    before = file_digests(workspace, [path])
    path.write_text("y\n", encoding="utf-8")
    os.utime(path, (1, 1))
    assert file_digests(workspace, [path]) != before


def test_a_damaged_memory_of_digests_is_made_anew(workspace):
    path = workspace.raw / "a.csv"
    path.write_text("x\n", encoding="utf-8")
    before = file_digests(workspace, [path])
    (workspace.lock.parent / "file_digests.json").write_text("{half", encoding="utf-8")
    assert file_digests(workspace, [path]) == before
