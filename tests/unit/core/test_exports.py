"""What leaves the workbench is inert in a spreadsheet and comes back as it was."""

from __future__ import annotations

import csv

import ibis
import pandas as pd
import pytest

from workbench.core.exports import export_csv, formula_safe
from workbench.core.store import connect

NASTY = [
    "=1+1",
    "+86 138",
    "-2",
    "@SUM(A1)",
    "\tx",
    '=HYPERLINK("http://x")',
    "a=1",
    "00123",
    "𠮷䶮",
    'say "hi"',
    "a,b",
    "",
]


@pytest.mark.parametrize("text", [each for each in NASTY if each[:1] in "=+-@\t" and each])
def test_text_that_begins_like_a_formula_gets_an_apostrophe(text):
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
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]
