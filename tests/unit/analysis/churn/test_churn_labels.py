"""Labels: hand-made histories, windows that end on their date, and refusals with counts."""

from datetime import date, datetime, timedelta

import ibis
import pandas as pd
import pytest

from workbench.analysis.churn.labels import active_customers, choose_horizon, label_purchases, plan_cut_offs
from workbench.core.errors import DataError

CUT = date(2024, 3, 1)


def orders(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"])
    frame["ordered_at"] = pd.to_datetime(frame["ordered_at"], format="mixed").astype("datetime64[us]")
    frame["order_id"] = [f"o{i}" for i in range(len(frame))]
    return ibis.memtable(frame)


def gaps(rows):
    return pd.DataFrame(rows, columns=["gap_days", "gaps_of_customer", "gaps"])


HISTORY = [
    ("stays", "2024-02-20", 5.0),
    ("stays", "2024-03-01 00:00:00", 5.0),  # the first instant of the period
    ("late", "2024-02-20", 5.0),
    ("late", "2024-03-29 00:00:00", 5.0),  # the first instant after the period of 28 days
    ("refund", "2024-02-20", 5.0),
    ("refund", "2024-03-05", -5.0),  # no purchase
    ("edge", "2024-01-05", 5.0),  # 56 days before the cut-off: still active
    ("gone", "2024-01-04", 5.0),  # 57 days before: no longer
    ("new", "2024-03-02", 5.0),
    ("last", "2024-02-29 23:59:59", 5.0),
    ("last", "2024-03-28 23:59:59", 5.0),  # the last instant of the period
]


def test_labels_by_hand():
    result = label_purchases(orders(HISTORY), CUT, 28, as_of=date(2024, 6, 1))
    assert dict(result.frame.itertuples(index=False)) == {"edge": 1, "last": 0, "late": 1, "refund": 1, "stays": 0}
    assert result.frame["customer_id"].is_monotonic_increasing
    assert result.counts == {"eligible": 5, "churned": 3, "inactive": 1, "too_new": 1}
    assert result.active_within_days == 56


def test_rows_after_the_period_change_no_label():
    later = [("stays", "2024-05-01", 9.0), ("refund", "2024-04-30", 9.0), ("other", "2024-05-01", 9.0)]
    first = label_purchases(orders(HISTORY), CUT, 28, as_of=date(2024, 6, 1))
    second = label_purchases(orders(later + HISTORY[::-1]), CUT, 28, as_of=date(2024, 6, 1))
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert first.counts == second.counts


def test_immature_labels_are_refused_with_the_latest_cut_off():
    assert label_purchases(orders(HISTORY), CUT, 28, as_of=date(2024, 3, 29)).counts["eligible"] == 5
    with pytest.raises(DataError) as error:
        label_purchases(orders(HISTORY), CUT, 28, as_of=date(2024, 3, 28))
    assert str(error.value) == (
        "churn labels: the 28 days after cut-off 2024-03-01 end on 2024-03-29, after the as-of date 2024-03-28. "
        "a period that is over. Use a cut-off on or before 2024-02-29."
    )


def test_no_customers_give_an_empty_frame():
    result = label_purchases(orders(HISTORY), date(2020, 1, 1), 28, as_of=date(2024, 6, 1))
    assert result.frame.empty and list(result.frame.columns) == ["customer_id", "label"]
    assert result.counts["eligible"] == 0


def test_active_customers_are_those_eligible_at_the_cut_off():
    result = active_customers(orders(HISTORY), CUT, 56)
    assert result["customer_id"].tolist() == ["edge", "last", "late", "refund", "stays"]


def test_horizon_is_the_rhythm_in_whole_weeks():
    # nine customers with a gap of 10 days, one with 33: the .9 quantile is 10, five of ten: 33
    assert choose_horizon(gaps([(10, 1, 9), (33, 1, 1)]), span_days=400).days == 28
    result = choose_horizon(gaps([(10, 1, 5), (33, 1, 5)]), span_days=400)
    assert (result.days, result.quantile_days, result.gaps, result.set_by) == (35, 33, 10, "rhythm")


def test_every_repeating_customer_weighs_the_same():
    # one daily shopper with 500 gaps does not outvote nine who come every 40 days
    assert choose_horizon(gaps([(1, 500, 500), (40, 1, 9)]), span_days=400).days == 42


def test_horizon_has_a_minimum_and_a_maximum_and_reports_them():
    short = choose_horizon(gaps([(3, 1, 10)]), span_days=400)
    assert (short.days, short.set_by) == (28, "least")
    long = choose_horizon(gaps([(150, 1, 10)]), span_days=370)
    assert (long.days, long.set_by) == (91, "span")
    assert long.days * 4 <= 370


def test_given_horizon_is_kept_where_the_data_allows_it():
    assert choose_horizon(gaps([(3, 1, 10)]), span_days=400, given_days=60).set_by == "profile"
    with pytest.raises(
        DataError, match=r"span 200 days\. at least 240: 60 days each .* longest possible horizon_days is 50"
    ):
        choose_horizon(gaps([(3, 1, 10)]), span_days=200, given_days=60)


def test_short_data_and_no_repeats_are_refused_in_numbers():
    with pytest.raises(
        DataError, match=r"transactions: purchases span 111 days\. at least 112: 28 days each of history"
    ):
        choose_horizon(gaps([(3, 1, 10)]), span_days=111)
    with pytest.raises(DataError, match="no customer bought on two days"):
        choose_horizon(gaps([]), span_days=400)


def test_cut_offs_are_one_horizon_apart_and_labels_mature():
    plan = plan_cut_offs(date(2024, 1, 1), date(2024, 12, 31), 28, train_cut_offs=1)
    assert plan.ends == date(2024, 12, 31)
    assert [plan.ends - item for item in plan.periods.values()] == [timedelta(84), timedelta(56), timedelta(28)]
    assert list(plan.periods) == ["train", "calibrate", "test"]


def test_several_training_cut_offs_go_back_a_horizon_each_as_far_as_one_of_history_is_left():
    plan = plan_cut_offs(date(2024, 1, 1), date(2024, 12, 31), 28, train_cut_offs=3)
    assert [(plan.ends - item).days for item in plan.trains] == [140, 112, 84]
    assert plan.train == plan.trains[-1]
    assert [role for role, _ in plan.origins] == ["train", "train", "train", "calibrate", "test"]
    # 170 days: six horizons of 28, of which one is history, one calibrates, one tests
    short = plan_cut_offs(date(2024, 1, 1), date(2024, 6, 19), 28, train_cut_offs=9)
    assert [(short.ends - item).days for item in short.trains] == [140, 112, 84]
    assert (short.trains[0] - date(2024, 1, 1)).days >= 28


def test_an_empty_tail_before_the_as_of_date_is_not_read_as_churn():
    plan = plan_cut_offs(date(2024, 1, 1), date(2025, 12, 31), 28, last=date(2024, 12, 30))
    assert plan.ends == date(2024, 12, 31)


def test_history_shorter_than_a_horizon_is_refused():
    assert plan_cut_offs(date(2024, 1, 1), date(2024, 4, 22), 28).train == date(2024, 1, 29)
    with pytest.raises(DataError, match=r"purchases span 111 days\. at least 112.*longest possible horizon_days is 27"):
        plan_cut_offs(date(2024, 1, 1), date(2024, 4, 21), 28)


def test_timestamps_within_a_day_are_one_purchase_day():
    rows = [("a", datetime(2024, 2, 20, hour), 1.0) for hour in (0, 12, 23)]
    assert label_purchases(orders(rows), CUT, 28, as_of=date(2024, 6, 1)).counts["eligible"] == 1
