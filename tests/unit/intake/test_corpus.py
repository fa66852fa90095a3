"""Every small bad file of tests/corpus gets its verdict."""

import datetime as dt
from pathlib import Path

import ibis
import pytest
import yaml

from workbench.core.errors import DataError
from workbench.core.params.sources import SourceParams
from workbench.intake.tables.canonical import take_in
from workbench.intake.tables.sources import check_source, read_source

CORPUS = Path(__file__).parents[2] / "corpus"
VERDICTS = yaml.safe_load((CORPUS / "verdicts.yaml").read_text(encoding="utf-8"))
OURS = {name: name for name in ("order_id", "customer_id", "ordered_at", "quantity", "amount")}
DATES = (dt.date(1900, 1, 2), dt.date(2026, 1, 1))


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=2)


def as_source(file, verdict):
    settings = {"path": file, "table": verdict.get("table", "transactions"), "columns": OURS}
    return SourceParams(**(settings | verdict.get("source", {})))


def counted(metrics, kind):
    prefix = f"file.{kind}."
    return {key.removeprefix(prefix): value for key, value in metrics.items() if key.startswith(prefix)}


REFUSED = {file: verdict for file, verdict in VERDICTS.items() if "refused" in verdict}
READ = {file: verdict for file, verdict in VERDICTS.items() if not {"refused", "refused_reading"} & set(verdict)}
REFUSED_READING = {file: verdict for file, verdict in VERDICTS.items() if "refused_reading" in verdict}


def test_every_file_has_a_verdict():
    files = {path.name for path in CORPUS.iterdir()} - {
        "verdicts.yaml",
        "rates.txt",
        "README.md",
        "strangers",
        "header_sets",
    }
    assert files <= set(VERDICTS)


@pytest.mark.parametrize("file", REFUSED)
def test_refused_file_says_why(engine, tmp_path, file):
    with pytest.raises(DataError) as caught:
        read_source(engine, "file", as_source(file, REFUSED[file]), root=CORPUS, scratch=tmp_path, dates=DATES)
    assert REFUSED[file]["refused"] in str(caught.value)


@pytest.mark.parametrize("file", [file for file in REFUSED if "cut_short" not in file])
def test_refusal_needs_no_more_than_the_head(file):
    assert REFUSED[file]["refused"] in "\n".join(map(str, check_source(as_source(file, REFUSED[file]), CORPUS)))


@pytest.mark.parametrize("file", REFUSED_READING)
def test_faults_noticed_only_while_reading_are_refused(engine, tmp_path, file):
    source = as_source(file, REFUSED_READING[file])
    assert check_source(source, CORPUS) == []
    with pytest.raises(DataError) as caught:
        read_source(engine, "file", source, root=CORPUS, scratch=tmp_path, dates=DATES)
    assert REFUSED_READING[file]["refused_reading"] in str(caught.value)


@pytest.mark.parametrize("file", READ)
def test_every_record_is_accounted_for(engine, tmp_path, file):
    verdict = READ[file]
    parsed = read_source(engine, "file", as_source(file, verdict), root=CORPUS, scratch=tmp_path, dates=DATES)
    metrics = parsed.metrics
    assert metrics["file.physical_records"] == verdict["physical"]
    assert metrics["file.accepted"] == verdict["accepted"]
    assert counted(metrics, "rejected") == verdict.get("rejected", {})
    assert counted(metrics, "nulled") == verdict.get("nulled", {})
    assert counted(metrics, "repairs") == verdict.get("repairs", {})
    assert counted(metrics, "widths") == verdict.get("widths", {})
    assert metrics["file.rejected"] == sum(verdict.get("rejected", {}).values())
    assert metrics["file.accepted"] + metrics["file.rejected"] == metrics["file.physical_records"]
    assert metrics["file.encoding"] == verdict.get("encoding", "utf-8")
    assert parsed.dropped == verdict.get("dropped", [])


@pytest.mark.parametrize("file", [file for file, verdict in READ.items() if "cells" in verdict])
def test_cells_hold_what_the_file_says(engine, tmp_path, file):
    verdict = READ[file]
    parsed = read_source(engine, "file", as_source(file, verdict), root=CORPUS, scratch=tmp_path, dates=DATES)
    table = parsed.table.order_by("_order")
    for column, expected in verdict["cells"].items():
        rows = table.select(column).to_pyarrow().to_pylist()
        assert [None if row[column] is None else str(row[column]) for row in rows] == expected


@pytest.mark.parametrize("file", [file for file, verdict in READ.items() if "lines" in verdict])
def test_rejects_name_the_line(engine, tmp_path, file):
    verdict = READ[file]
    parsed = read_source(engine, "file", as_source(file, verdict), root=CORPUS, scratch=tmp_path, dates=DATES)
    rejects = parsed.rejects.order_by("line").to_pyarrow().to_pylist()
    assert [row["line"] for row in rejects] == verdict["lines"]
    assert {row["file"] for row in rejects} == {file}
    assert {row["source"] for row in rejects} == {"file"}


@pytest.mark.parametrize("file", ["20_exact_duplicates.csv", "62_workbook.xlsx", "62_bad_bytes.jsonl"])
def test_reading_again_gives_the_same_result(tmp_path, file):
    results = []
    for again in range(2):
        options = {"root": CORPUS, "scratch": tmp_path / str(again), "dates": DATES}
        parsed = read_source(ibis.duckdb.connect(threads=1 + again), "file", as_source(file, READ[file]), **options)
        rejects = parsed.rejects.order_by("line").to_pyarrow().to_pylist() if parsed.rejects is not None else []
        results.append((parsed.metrics, parsed.table.order_by("_order").to_pyarrow().to_pylist(), rejects))
    assert results[0] == results[1]


@pytest.mark.parametrize("file", [file for file, verdict in READ.items() if "metrics" in verdict])
def test_tables_are_counted(engine, tmp_path, file):
    verdict, (first, last) = READ[file], DATES
    sources = {"file": as_source(file, verdict)}
    metrics = take_in(engine, sources, root=CORPUS, scratch=tmp_path, date_min=first, date_max=last).metrics
    assert {key: metrics[key] for key in verdict["metrics"]} == verdict["metrics"]
