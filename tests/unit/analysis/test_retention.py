"""Monthly states add up, cohorts leave unfinished months blank, and both agree with a plain count."""

from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.description.retention import STATES, cohort_retention, monthly_states, new_customer_cohorts


def table_of(purchases):
    frame = pd.DataFrame(purchases, columns=["customer_id", "ordered_at"])
    frame = frame.assign(ordered_at=pd.to_datetime(frame["ordered_at"], format="ISO8601"), amount=1.0)
    return ibis.memtable(frame)


PURCHASES = [
    ("a", "2024-01-05"), ("a", "2024-02-05"), ("a", "2024-04-30 23:59"),
    ("b", "2024-01-31"),
    ("c", "2024-02-29"), ("c", "2024-02-01"),
    ("d", "2024-05-01"),
]  # fmt: skip


def test_each_state_follows_from_its_definition():
    months = monthly_states(table_of(PURCHASES), as_of=date(2024, 5, 1))
    assert months["month"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]
    assert months["new"].tolist() == [2, 1, 0, 0]
    assert months["retained"].tolist() == [0, 1, 0, 0]
    assert months["recalled"].tolist() == [0, 0, 0, 1]
    assert months["lost"].tolist() == [0, 1, 2, 0]
    assert months["active"].tolist() == [2, 2, 0, 1]
    assert months["complete"].all()


def test_the_month_that_is_not_over_is_flagged_and_has_no_lost_yet():
    months = monthly_states(table_of(PURCHASES), as_of=date(2024, 5, 2))
    last = months.iloc[-1]
    assert (last["new"], last["retained"], last["complete"]) == (1, 0, False) and pd.isna(last["lost"])
    assert months["complete"].tolist() == [True] * 4 + [False]


def random_purchases(n=400, seed=6):
    draw = np.random.default_rng(seed)
    pairs = zip(draw.integers(0, 60, n), draw.integers(0, 500, n), strict=True)
    return [(f"{customer:02d}", (date(2023, 1, 10) + timedelta(days=int(day))).isoformat()) for customer, day in pairs]


def test_states_add_up_in_every_month_and_equal_a_plain_count():
    purchases = random_purchases()
    months = monthly_states(table_of(purchases), as_of=date(2024, 6, 1))
    assert ((months["new"] + months["retained"] + months["recalled"]) == months["active"]).all()
    assert (months["retained"] + months["lost"]).tolist()[1:] == months["active"].tolist()[:-1]
    bought = {item[:7]: {c for c, day in purchases if day[:7] == item[:7]} for item in {day for _, day in purchases}}
    keys = months["month"].dt.strftime("%Y-%m").tolist()
    for at in range(1, len(keys)):
        now, last = bought.get(keys[at], set()), bought.get(keys[at - 1], set())
        before = set().union(*(bought.get(key, set()) for key in keys[:at]))
        row = months.iloc[at]
        assert (row["new"], row["retained"]) == (len(now - before), len(now & last))
        assert (row["recalled"], row["lost"]) == (len((now & before) - last), len(last - now))


def test_cohorts_equal_a_plain_count():
    purchases = random_purchases()
    cells = cohort_retention(table_of(purchases), as_of=date(2024, 6, 1), cohort_months=30, least=0)
    first = {}
    for customer, day in sorted(purchases, key=lambda each: each[1]):
        first.setdefault(customer, day[:7])
    for row in cells.itertuples():
        month = (row.cohort + pd.DateOffset(months=row.months_since)).strftime("%Y-%m")
        members = {c for c, cohort in first.items() if cohort == row.cohort.strftime("%Y-%m")}
        assert row.n == len(members)
        assert row.customers == len({c for c, day in purchases if c in members and day[:7] == month})


def test_cells_that_are_not_over_are_absent_and_months_without_a_purchase_are_zero():
    purchases = [(f"{c}{at}", day) for c, day in PURCHASES for at in range(10)]
    cells = cohort_retention(table_of(purchases), as_of=date(2024, 5, 2))
    result = [(row.cohort.strftime("%Y-%m"), row.months_since, row.customers) for row in cells.itertuples()]
    assert result == [
        ("2024-01", 0, 20), ("2024-01", 1, 10), ("2024-01", 2, 0), ("2024-01", 3, 10),
        ("2024-02", 0, 10), ("2024-02", 1, 0), ("2024-02", 2, 0),
    ]  # fmt: skip
    assert cells.loc[2, "share"] == 0 and cells.loc[2, "share_high"] > 0


def test_a_cohort_is_followed_only_for_the_requested_months():
    cells = cohort_retention(table_of(PURCHASES), as_of=date(2024, 6, 1), cohort_months=2)
    assert cells["months_since"].max() == 2


def test_small_cohorts_keep_their_place_but_show_nothing():
    cells = cohort_retention(table_of(PURCHASES), as_of=date(2024, 6, 1))
    assert cells["suppressed"].all()
    assert cells[["customers", "n", "share", "share_low", "share_high"]].isna().all(axis=None)


@pytest.mark.parametrize("count", [monthly_states, cohort_retention])
def test_absent_columns_or_no_purchases_give_an_empty_frame_with_its_columns(count):
    empty = count(table_of(PURCHASES).drop("customer_id"), as_of=date(2024, 6, 1))
    assert empty.empty and len(empty.columns) >= 7
    assert count(None, as_of=date(2024, 6, 1)).columns.equals(empty.columns)
    assert empty.dtypes.equals(count(table_of(PURCHASES), as_of=date(2024, 6, 1)).dtypes)
    assert count(table_of(PURCHASES), as_of=date(2023, 1, 1)).columns.equals(empty.columns)


@pytest.mark.parametrize("count", [monthly_states, cohort_retention])
def test_rows_after_the_date_change_nothing(count):
    later = [("a", "2024-05-01"), ("z", "2030-01-01")]
    before = count(table_of(PURCHASES[:-1]), as_of=date(2024, 5, 1))
    pd.testing.assert_frame_equal(count(table_of(PURCHASES + later), as_of=date(2024, 5, 1)), before)


def test_states_have_names_in_both_languages():
    assert [names["zh"] for names in STATES.values()] == ["新增", "留存", "召回", "流失"]


def test_the_first_month_on_record_is_left_censored_and_holds_no_new_customers():
    cells = cohort_retention(table_of(PURCHASES), as_of=date(2024, 6, 1))
    later = new_customer_cohorts(cells)
    assert set(later["cohort"]) == set(cells["cohort"]) - {cells["cohort"].min()}
    assert new_customer_cohorts(cells.iloc[:0]).empty
