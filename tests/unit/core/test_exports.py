"""Exported files hold no formula for a spreadsheet, and their values can be read back."""

from __future__ import annotations

import csv

import ibis
import pandas as pd
import pytest
from openpyxl import load_workbook

from workbench.core.exports import export_batches, export_csv, export_xlsx, formula_safe
from workbench.core.store.tables import connect

NASTY = [
    "=1+1",
    "+86 138",
    "-2",
    "@SUM(A1)",
    "\tx",
    "\n=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    '=HYPERLINK("http://x")',
    "a=1",
    "00123",
    "𠮷䶮",
    'say "hi"',
    "a,b",
    "",
]


@pytest.mark.parametrize("text", [text for text in NASTY if text[:1] in "=+-@\t\n＝＋－＠" and text])
def test_text_that_starts_like_a_formula_gets_an_apostrophe(text):
    assert formula_safe(text) == "'" + text


def test_a_file_holds_no_formula_and_every_value(tmp_path):
    engine = connect()
    frame = pd.DataFrame({"customer_id": NASTY, "spend": [-1.5] * len(NASTY)})
    path = export_csv(engine, ibis.memtable(frame), tmp_path / "out.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["customer_id"] for row in rows] == [formula_safe(text) for text in NASTY]
    assert {row["spend"] for row in rows} == {"-1.5"}  # a number stays a number
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_headers_hold_no_formula_either(tmp_path):
    engine, headers = connect(), ["=cmd|' /C calc'!A0", "＠x", "spend"]
    table = ibis.memtable(pd.DataFrame([["a", "b", -1.5]], columns=headers))
    batches = table.to_pyarrow_batches()
    export_batches(iter(batches), batches.schema, tmp_path / "batches.csv")
    for path in (export_csv(engine, table, tmp_path / "out.csv"), tmp_path / "batches.csv"):
        with path.open(encoding="utf-8-sig", newline="") as stream:
            assert list(csv.reader(stream)) == [["'=cmd|' /C calc'!A0", "'＠x", "spend"], ["a", "b", "-1.5"]]


def test_a_workbook_holds_text_as_text_and_numbers_as_numbers(tmp_path):
    frame = pd.DataFrame({"customer_id": [*NASTY, "a\x08b"], "spend": [-1.5] * (len(NASTY) + 1)})
    path = export_xlsx(ibis.memtable(frame), tmp_path / "out.xlsx")
    sheet = load_workbook(path).active
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert [cell.value or "" for cell in cells] == [*NASTY, "a�b"]
    assert {cell.data_type for cell in cells if cell.value} <= {"s", "inlineStr"}
    assert {row[1].value for row in sheet.iter_rows(min_row=2)} == {-1.5}
