"""The lists beside the report of a run: private files, plain columns, no customer in the report or the summary."""

import json
import stat

import pandas as pd
import pytest

from workbench.report.answer import GoalAnswer
from workbench.run.stages.lists import COLUMNS


@pytest.fixture(scope="module")
def run(tiny):
    return tiny / "reports/tiny/latest"


@pytest.fixture(scope="module")
def answer(run):
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return GoalAnswer.from_json(summary["stages"]["14_write_report"]["answer"])


def test_people_are_private(run):
    assert stat.S_IMODE((run / "people").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (run / "people").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_every_list_has_the_same_plain_columns_in_its_order(run, answer):
    assert answer.lists
    for entry in answer.lists:
        rows = pd.read_csv(run / entry.file, dtype={"source_id": "str", "customer_id": "str"})
        assert tuple(rows.columns) == COLUMNS
        assert len(rows) == entry.n and rows["customer_id"].is_unique
        assert rows["value"].sum() == pytest.approx(entry.expected_value, abs=0.01 * entry.n)
        assert rows["probability"].between(0, 1).all()
        assert list(pd.read_excel(run / entry.workbook, dtype=str, engine="openpyxl")["customer_id"]) == list(
            rows["customer_id"]
        )


def test_a_list_of_leavers_has_nobody_who_has_left(tiny, run, answer):
    rfm = pd.read_parquet(tiny / "data/processed/tiny/rfm.parquet")
    lost = set(rfm.loc[rfm["life_cycle_stage"] == "lost", "customer_id"])
    leavers = [entry for entry in answer.lists if entry.basis == "leaving"]
    assert leavers
    for entry in leavers:
        assert not lost & set(pd.read_csv(run / entry.file, dtype=str)["customer_id"])


def test_the_report_and_the_summary_name_nobody(run, answer):
    ids = {name for entry in answer.lists for name in pd.read_csv(run / entry.file, dtype=str)["customer_id"]}
    for name in ("report.html", "summary.json"):
        text = (run / name).read_text(encoding="utf-8")
        assert not [customer for customer in ids if customer in text]


def test_members_of_every_segment_lie_beside_the_lists(tiny, run, answer):
    segments = pd.read_parquet(tiny / "data/processed/tiny/segments.parquet")
    assert sum(len(pd.read_csv(run / file)) for file in answer.members.values()) == len(segments)
