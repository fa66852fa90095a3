"""Well-formed but implausible values are reported; plausible ones are not."""

import datetime as dt

import ibis
import pandas as pd
import pytest

from workbench.core.schema import UNDATED
from workbench.intake.quality.comparison import compare_profiles, profile_tables
from workbench.intake.quality.past import compare_past
from workbench.intake.quality.suspects import find_suspects
from workbench.report.findings.quality import find_changes

AS_OF = dt.date(2014, 12, 31)


def people(**changed):
    """Return 1,000 people with plausible years, incomes and marital statuses, as text like attributes."""
    cells = {
        "customer_id": [f"c{at}" for at in range(1000)],
        "born": [str(1950 + at % 45) for at in range(1000)],
        "income": [str(20000 + 60 * at) for at in range(1000)],
        "marital_status": [("Married", "Single", "Widow")[at % 3] for at in range(1000)],
    }
    for name, values in changed.items():
        cells[name][: len(values)] = values
    return {"customers": ibis.memtable(cells)}


def named(tables):
    suspects = find_suspects(tables, as_of=AS_OF)
    return {(row.reason, row.column, row.value, row.rows) for row in suspects.itertuples()}


def test_plausible_people_raise_no_doubt():
    assert named(people()) == set()


@pytest.mark.parametrize("dated", [True, False])
def test_without_an_as_of_date_births_are_compared_with_the_latest_date(dated):
    births = [dt.date(1893, 1, 1), *[dt.date(1950 + at % 45, 1, 1) for at in range(99)]]
    cells = {"customer_id": [f"c{at}" for at in range(100)], "birth_date": births}
    cells |= {"registered_at": [dt.datetime(2014, 6, 29)] * 100} if dated else {}
    suspects = find_suspects({"customers": ibis.memtable(cells)}, as_of=UNDATED)
    doubted = suspects.loc[suspects["column"] == "birth_date", ["value", "rows"]].to_numpy().tolist()
    assert doubted == ([["1893-01-01", 1]] if dated else [])


@pytest.mark.parametrize(
    ("column", "values", "doubt"),
    [
        ("born", ["1893"], ("implausible_year", "born", "1893", 1)),
        ("income", ["666666"], ("repeated_digit", "income", "666666", 1)),
        ("income", ["9123456"], ("far_number", "income", "9123456", 1)),
        ("marital_status", ["YOLO", "YOLO"], ("rare_level", "marital_status", "YOLO", 2)),
    ],
)
def test_each_planted_value_is_named_with_its_reason(column, values, doubt):
    assert named(people(**{column: values})) == {doubt}


def test_a_code_of_digits_and_letters_is_no_number():
    assert named(people(income=["A17"] * 400)) == set()


def test_nothing_changed_is_no_change_and_a_shift_is_one():
    before = profile_tables(people())
    assert compare_profiles(before, profile_tables(people()), people()).empty
    after = people(marital_status=["Married"] * 900)
    changes = compare_profiles(before, profile_tables(after), after)
    assert changes[["change", "column", "status"]].to_numpy().tolist() == [["distribution", "marital_status", "warn"]]
    assert changes.loc[0, "psi"] > changes.loc[0, "psi_chance"]


def test_columns_that_come_and_go_are_named():
    before = profile_tables(people())
    after = {"customers": people()["customers"].drop("income").mutate(hobby=ibis.literal("tea"))}
    changes = compare_profiles(before, profile_tables(after), after)
    assert set(zip(changes["change"], changes["column"], strict=True)) == {
        ("gone_column", "income"),
        ("new_column", "hobby"),
    }


def test_a_first_run_has_nothing_to_compare_with():
    assert compare_profiles(None, profile_tables(people()), people()).empty


def lines(*rows):
    frame = pd.DataFrame(rows, columns=["order_id", "ordered_at"]).assign(amount=1.0)
    return ibis.memtable(frame.assign(ordered_at=pd.to_datetime(frame["ordered_at"])))


THEN = [("A1", "2024-01-01 10:00"), ("A2", "2024-01-02 10:00"), ("A2", "2024-01-02 10:00"), ("A3", "2024-01-03 09:00")]


def test_late_and_gone_lines_are_counted_up_to_the_previous_last_day():
    now = [("A1", "2024-01-01 10:00"), ("L1", "2024-01-01 23:00"), ("L1", "2024-01-01 23:00"),
           ("A3", "2024-01-03 09:00"), ("A4", "2024-01-03 08:00"), ("A5", "2024-01-04 08:00")]  # fmt: skip
    past = compare_past(lines(*THEN), lines(*now))
    assert (past.until, past.late, past.gone) == (dt.date(2024, 1, 3), 2, 2)  # A4 is of the incomplete last day
    assert past.metrics() == {"transactions.late_rows": 2, "transactions.gone_rows": 2}
    assert [row[:5] for row in past.rows()] == [
        ("late_rows", "transactions", "ordered_at", "< 2024-01-03", "2"),
        ("gone_rows", "transactions", "ordered_at", "< 2024-01-03", "2"),
    ]
    before = profile_tables({"transactions": lines(*THEN)})
    changes = compare_profiles(before, before, {"transactions": lines(*THEN)}, past=past)
    assert changes["change"].tolist() == ["late_rows", "gone_rows"]
    (finding,) = find_changes(changes, past, first=False)
    assert (finding.key, finding.values["late"], finding.values["gone"]) == ("quality_past", 2, 2)


def test_without_order_numbers_late_lines_are_counted_by_day():
    now = [*THEN[1:], ("B1", "2024-01-02 11:00"), ("B2", "2024-01-02 12:00")]
    past = compare_past(lines(*THEN).drop("order_id"), lines(*now).drop("order_id"))
    assert (past.late, past.gone) == (2, 1)


def test_the_same_past_and_no_past_at_all_change_nothing():
    assert compare_past(lines(*THEN), lines(*THEN, ("A9", "2024-02-01 08:00"))).rows() == []
    for before, after in ((None, lines(*THEN)), (lines(*THEN), None), (lines(("A1", None)), lines(*THEN))):
        past = compare_past(before, after)
        assert (past.until, past.metrics(), past.rows()) == (None, {}, [])
