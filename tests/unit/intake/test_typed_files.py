"""Parquet files: copied in one pass where no cell is in doubt, else read exactly, with equal results."""

import datetime as dt
from decimal import Decimal

import ibis
import pandas as pd
import pytest

from workbench.core.params.sources import SourceParams
from workbench.intake.tables import sources
from workbench.intake.tables.sources import read_source

DATES = (dt.date(1900, 1, 2), dt.date(2026, 1, 1))
COLUMNS = {"order_id": "no", "customer_id": "who", "ordered_at": "at", "amount": "sum", "channel": "by"}
CLEAN = {
    "no": [1, 2, 3], "who": ["a", None, "c"], "at": pd.to_datetime(["2024-01-01 10:00", None, "2024-12-31 23:00"]),
    "sum": [1.25, 0.1, 3.0], "by": ["web", "", None],
}  # fmt: skip


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=2)


def read(engine, folder, cells, **formats):
    pd.DataFrame(cells).to_parquet(folder / "orders.parquet")
    source = SourceParams(path="orders.parquet", table="transactions", columns=COLUMNS, formats=formats)
    return read_source(engine, "s", source, root=folder, scratch=folder / "scratch", dates=DATES)


def results_of(parsed):
    rejects = [] if parsed.rejects is None else parsed.rejects.to_pyarrow().to_pylist()
    return parsed.table.order_by("_order").to_pyarrow().to_pylist(), rejects, parsed.metrics, parsed.kinds


@pytest.mark.parametrize("formats", [{}, {"stored_in": "UTC", "time_zone": "America/New_York"}, {"currency": "USD"}])
def test_a_file_without_doubts_is_copied_with_the_result_of_the_exact_reader(engine, tmp_path, monkeypatch, formats):
    copied = read(engine, tmp_path, CLEAN, **formats)
    assert copied.copy is not None
    monkeypatch.setattr(sources, "_read_fast", lambda *_, **__: None)
    exact = read(engine, tmp_path, CLEAN, **formats)
    assert exact.copy is None
    assert results_of(copied) == results_of(exact)


@pytest.mark.parametrize(
    ("column", "cells", "accepted"),
    [
        ("no", [10**17 + 1, 2 * 10**17, 3], 3),  # a long id that a workbook may have rounded
        ("who", ["a", "b ", "c"], 3),
        ("who", ["a", "  ", "c"], 3),
        ("who", ["１", "b", "c"], 3),
        ("who", ["1.0", "2.0", "3.0"], 3),
        ("who", ["1.5E+11", "b", "c"], 3),
        ("at", pd.to_datetime(["1899-01-01", "2024-01-01", "2024-01-02"]), 2),
        ("at", pd.to_datetime(["2024-01-01", "2027-01-01", "2024-01-02"]), 2),
        ("sum", [1.0, None, 2.0], 2),
        ("sum", [1.0, float("inf"), 2.0], 2),
        ("sum", [1e18, 1.0, 2.0], 2),
        ("by", ["web", " web", "shop"], 3),
    ],
)
def test_a_cell_in_doubt_sends_the_file_to_the_exact_reader(engine, tmp_path, monkeypatch, column, cells, accepted):
    parsed = read(engine, tmp_path, CLEAN | {column: cells})
    assert parsed.copy is None
    assert parsed.metrics["s.accepted"] == accepted
    monkeypatch.setattr(sources, "_read_fast", lambda *_, **__: None)
    assert results_of(parsed) == results_of(read(engine, tmp_path, CLEAN | {column: cells}))


def test_whole_numbers_are_ids_and_amounts_unchanged(engine, tmp_path):
    parsed = read(engine, tmp_path, CLEAN | {"sum": [1, -2, 3], "who": [17, 0, -5]})
    rows = parsed.table.order_by("_order").to_pyarrow().to_pylist()
    assert [row["customer_id"] for row in rows] == ["17", "0", "-5"]
    assert [row["amount"] for row in rows] == [Decimal("1.0000"), Decimal("-2.0000"), Decimal("3.0000")]
