"""Leak drills: each alarm fires on the fault planted for it, and does not fire on honest data."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.churn.models.alarms import (
    ALARMS,
    find_feature_alarms,
    find_future,
    find_model_alarms,
    is_fitted_elsewhere,
    split_answered,
)
from workbench.analysis.churn.models.candidates import build_inputs
from workbench.analysis.model_columns import choose_columns, tidy

N = 400


@pytest.fixture
def honest():
    rng = np.random.default_rng(1)
    recency = rng.integers(1, 60, N)
    label = (rng.random(N) < 1 / (1 + np.exp(-0.07 * (recency - 35)))).astype(int)
    return pd.DataFrame(
        {
            "customer_id": [f"c{at:04}" for at in range(N)],
            "label": label,
            "recency_days": recency,
            "spend": np.exp(rng.normal(4, 1, N)),
            "channel": rng.choice(["store", "web"], N),
        }
    )


def raised(frame):
    result = find_feature_alarms(frame, frame["label"].to_numpy(), choose_columns(frame))
    return list(map(tuple, result[["alarm", "feature"]].to_numpy()))


def test_honest_features_raise_nothing(honest):
    assert raised(honest) == []
    assert find_future(honest, date(2024, 1, 1)).empty
    assert find_model_alarms(0.85, 0.75, leak_auc=0.98).empty


def test_a_feature_that_predicts_the_label_alone_raises_an_alarm(honest):
    noise = np.random.default_rng(2).random(N)
    assert raised(honest.assign(orders_after=3 * (1 - honest["label"]) + noise)) == [("feature_auc", "orders_after")]


def test_a_reason_that_is_given_only_to_those_who_left_is_the_label_in_disguise(honest):
    some = (honest["label"] == 1) & (np.arange(N) % 3 == 0)
    assert raised(honest.assign(cancelled_why=np.where(some, "price", None))) == [("disguise", "cancelled_why")]


def test_names_and_row_numbers_of_customers_raise_an_alarm(honest):
    planted = honest.assign(ticket=[f"T{at}" for at in range(N)], row=np.arange(N))
    assert raised(planted) == [("identifier", "row"), ("identifier", "ticket")]
    assert raised(honest.assign(store_id="s1")) == []  # an id of the schema is left out without alarm


def test_an_encoding_by_the_label_fitted_on_all_customers_raises_an_alarm(honest):
    shares = honest.groupby("channel")["label"].transform("mean")
    assert raised(honest.assign(channel_rate=shares)) == [("fitted_on_all", "channel_rate")]


def test_a_step_that_was_fitted_on_test_customers_too_is_found(honest):
    columns = choose_columns(honest)
    known = tidy(honest, columns)
    train = known.iloc[:200]
    for kind in ("linear", "recency"):
        alone = build_inputs(kind, columns).fit(train)
        assert not is_fitted_elsewhere(alone, kind, train, columns)
    shifted = known.assign(spend=known["spend"].where(np.arange(N) < 200, known["spend"] * 50))
    assert is_fitted_elsewhere(build_inputs("linear", columns).fit(shifted), "linear", train, columns)


def test_dates_and_ages_after_the_cut_off_raise_an_alarm(honest):
    days = pd.date_range("2024-01-01", periods=N)
    planted = honest.assign(
        last_ordered_on=days, next_purchase_on=days, event_recency_days=np.arange(N) - 3, since=[date(2023, 5, 1)] * N
    )
    result = find_future(planted, date(2024, 3, 1))
    assert result["feature"].tolist() == ["event_recency_days", "last_ordered_on"]
    assert set(result["alarm"]) == {"after_cut_off"}
    assert find_future(planted.iloc[3:60], date(2024, 3, 1)).empty


def test_names_of_the_future_raise_an_alarm_unless_they_are_our_own_forecast(honest):
    days = pd.date_range("2024-01-01", periods=N)
    planted = honest.assign(next_order_on=days, next_order_days=np.arange(N), next_purchase_on=days, 下次消费=1.0)
    assert find_future(planted, date(2024, 3, 1))["feature"].tolist() == [
        "next_order_days",
        "next_order_on",
        "下次消费",
    ]
    assert find_future(honest.assign(next_purchase_on=days), date(2024, 3, 1)).empty


def test_an_implausibly_good_score_raises_an_alarm():
    assert find_model_alarms(0.99, 0.7, leak_auc=0.98)["alarm"].tolist() == ["model_auc", "beyond_baseline"]
    assert find_model_alarms(0.94, 0.7, leak_auc=0.98)["alarm"].tolist() == ["beyond_baseline"]
    assert find_model_alarms(0.88, 0.74, leak_auc=0.87)["alarm"].tolist() == ["model_auc"]


def test_without_dates_one_column_is_no_yardstick():
    assert find_model_alarms(0.94, None, leak_auc=0.98).empty
    assert find_model_alarms(0.99, None, leak_auc=0.98)["alarm"].tolist() == ["model_auc"]


def test_an_alarm_that_was_looked_at_is_answered_by_its_column_or_else_by_its_kind():
    alarms = pd.DataFrame({"alarm": ["model_auc", "feature_auc"], "feature": ["", "plan"], "auc": [0.99, 0.97]})
    still_open, answered = split_answered(alarms, ["model_auc"])
    assert (still_open["feature"].tolist(), answered["alarm"].tolist()) == (["plan"], ["model_auc"])
    assert split_answered(alarms, ["plan", "model_auc"])[0].empty
    assert len(split_answered(alarms, ["feature_auc"])[0]) == 2  # a column is named, not its kind


def test_every_alarm_has_its_drill():
    text = open(__file__, encoding="utf-8").read()
    assert [alarm for alarm in ALARMS if f'"{alarm}"' not in text] == []
