"""Every notebook run by papermill on the tiny profile: tables, outputs, reports, no contact data."""

import csv
import json
import re
import shutil
from collections import Counter

import nbformat
import pandas as pd
import pytest
from typer.testing import CliRunner

from workbench.core.stages import STAGES, TABLES
from workbench.core.workspace import find_workspace
from workbench.report.pages.contradictions import find_contradictions
from workbench.report.text import has_label
from workbench.run.artifacts.context import stage_summary
from workbench.run.commands.cli import app


@pytest.fixture(scope="module")
def root(tiny):
    return tiny


@pytest.fixture(scope="module")
def summary(root):
    return json.loads((root / "reports/tiny/latest/summary.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_done_and_writes_its_tables(root, summary, stage):
    entry = summary["stages"][stage]
    assert entry["status"] == "done"
    present = {
        "01_check_quality": {"transactions", "products", "customers", "campaigns", "rejects", "quality_profile"},
        "12_tag_customers": {"tags", "portraits", "portrait_items", "tag_values"},  # tiny has no companies
    }
    expected = present.get(stage, set(STAGES[stage].writes))
    assert set(entry["tables"]) == expected
    for table in entry["tables"].values():
        frame = pd.read_parquet(root / table["path"])
        assert len(frame) == table["rows"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_executed_notebook_has_no_error_and_no_warning(root, stage):
    notebook = nbformat.read(root / f"reports/tiny/latest/notebooks/{stage}.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    errors = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stderr")
    assert "Warning" not in errors, errors


@pytest.mark.parametrize("stage", STAGES)
def test_no_cell_shows_a_path_of_this_machine(root, stage):
    notebook = nbformat.read(root / f"reports/tiny/latest/notebooks/{stage}.ipynb", as_version=4)
    values = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert [value["text/plain"] for value in values if "PosixPath(" in value.get("text/plain", "")] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_column_heading_has_a_label_in_both_languages(root, stage):
    tables = stage_summary(find_workspace(root), "tiny", stage).get("shown") or []
    assert [name for table in tables for name in table["columns"] if not has_label(name)] == []


def test_the_tables_have_the_columns_of_the_schema(root):
    for name in ("rfm", "segments", "churn", "rejects"):
        columns = list(pd.read_parquet(root / f"data/processed/tiny/{name}.parquet").columns)
        assert columns == [column.name for column in TABLES[name].columns]


def test_every_customer_has_one_row_of_features_rfm_and_segment(root):
    frames = {
        name: pd.read_parquet(root / f"data/processed/tiny/{name}.parquet") for name in ("features", "rfm", "segments")
    }
    ids = frames["features"]["customer_id"]
    assert ids.is_unique
    assert ids.tolist() == sorted(ids)
    for name in ("rfm", "segments"):
        assert frames[name]["customer_id"].tolist() == ids.tolist()


@pytest.fixture(scope="module")
def traces(root, plain_content):
    """A function that returns the names, phones and addresses of tiny's people in a file."""
    with (root / "data/raw/tiny/customers.csv").open(encoding="utf-8", newline="") as stream:
        people = list(csv.DictReader(stream))
    names = sorted({row["name"] for row in people if len(row["name"]) > 2 + 4 * row["name"].isascii()})[::4]
    words = [word for name in names for word in (name.encode(), json.dumps(name)[1:-1].encode())]
    phones = {row["phone"].encode() for row in people}
    assert len(names) > 20
    assert len(phones) > 100

    def traces_in(path):
        content = plain_content(path)
        mail = [b"@example.com"] if b"@example.com" in content else []
        return [*mail, *(phones & set(re.findall(rb"139\d{8}", content))), *(word for word in words if word in content)]

    assert traces_in(root / "data/raw/tiny/customers.csv")
    return traces_in


def test_contact_data_leaves_no_trace(root, traces):
    """Neither in a table, notebook, page or log nor in a tracked artifact."""
    paths = [path for path in root.rglob("*") if path.is_file() and "raw" not in path.relative_to(root).parts]
    assert {path: traces(path) for path in paths if traces(path)} == {}
    assert {".parquet", ".ipynb", ".html", ".db", ".json", ".svg"} <= {path.suffix for path in paths}


def test_audiences_and_cards_without_the_key_have_no_contact_data(root, traces, tmp_path):
    for part in ("params", "data/processed", "reports/tiny/latest"):
        shutil.copytree(root / part, tmp_path / part, symlinks=False)
    customers = pd.read_parquet(tmp_path / "data/processed/tiny/features.parquet")["customer_id"]
    options = ["--profile", "tiny", "--workspace", str(tmp_path)]
    before = set(tmp_path.rglob("*"))
    calls = [["card", customers[0], *options]]
    calls += [["audience", "frequency_orders >= 1", "--export", kind, *options] for kind in ("csv", "xlsx", "parquet")]
    for call in calls:
        assert CliRunner().invoke(app, call).exit_code == 0, call
    files = [path for path in set(tmp_path.rglob("*")) - before if path.is_file()]
    assert {".csv", ".xlsx", ".parquet", ".json", ".html"} <= {path.suffix for path in files}
    assert {path: traces(path) for path in files if traces(path)} == {}


def test_both_reports_have_the_same_numbers(root):
    def numbers(name):
        text = (root / "reports/tiny/latest" / name).read_text(encoding="utf-8")
        body = re.sub(r"<(style|script|svg).*?</\1>|<[^>]+>|&[a-z#0-9]+;", " ", text, flags=re.S)
        return text, re.findall(r"\d+(?:\.\d+)?\s?%", body)

    english, shares = numbers("report.html")
    chinese, shares_zh = numbers("report.zh.html")
    assert 'lang="en"' in english
    assert 'lang="zh' in chinese
    assert len(shares) > 8
    # their order within a sentence depends on the language
    assert Counter(re.sub(r"\s", "", share) for share in shares) == Counter(
        re.sub(r"\s", "", share) for share in shares_zh
    )


def test_the_report_needs_no_network_and_is_small(root):
    for name in ("report.html", "report.zh.html"):
        text = (root / "reports/tiny/latest" / name).read_text(encoding="utf-8")
        assert "Content-Security-Policy" in text
        assert len(text.encode()) < 2_000_000
        assert not re.search(r"(?:Posix|Windows)Path\(|/home/|/tmp/", text)
        assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", text)
        assert not re.findall(r"url\((?!['\"]?data:|#)", text)  # only embedded shapes and data


@pytest.mark.parametrize("name", ["report.html", "report.zh.html"])
def test_the_report_contradicts_neither_itself_nor_the_summary(root, summary, name):
    page = (root / "reports/tiny/latest" / name).read_text(encoding="utf-8")
    assert "data-fact" in page
    assert find_contradictions(page, summary) == []


def test_rejected_rows_keep_file_line_and_reason(root, summary):
    rejects = pd.read_parquet(root / "data/processed/tiny/rejects.parquet")
    metrics = summary["stages"]["01_check_quality"]["metrics"]
    assert metrics["orders.physical_records"] == metrics["orders.accepted"] + metrics["orders.rejected"]
    assert metrics["orders.rejected"] == 6
    lines = (root / "data/raw/tiny/orders.csv").read_text(encoding="utf-8").splitlines()
    for row in rejects.itertuples():
        assert row.file == "data/raw/tiny/orders.csv"
        assert str(row.raw).strip() in lines[int(row.line) - 1] or lines[int(row.line) - 1] in str(row.raw)
    assert set(rejects["code"]) == {"missing-cell", "extra-cell", "date-invalid", "number-invalid"}


def test_every_stage_has_findings_limits_and_figures(root):
    for stage in STAGES:
        summary = stage_summary(find_workspace(root), "tiny", stage)
        if stage != "14_write_report":
            assert summary["findings"], stage
            assert summary["limits"], stage
            # tiny has no experiment, and a first run nothing to compare with
            assert summary["figures"] or stage in ("10_measure_experiments", "13_watch_changes"), stage
