"""Churn models: chosen honestly, tested later, refused when there is too little, alarmed when too good."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.churn.models import fitting, search as models
from workbench.analysis.churn.models.alarms import find_feature_alarms
from workbench.analysis.churn.models.candidates import CANDIDATES
from workbench.analysis.churn.models.fitting import choose_candidate
from workbench.analysis.churn.models.search import fit_dated, fit_undated
from workbench.analysis.model_columns import choose_columns
from workbench.core.errors import DataError

DATA = Path(os.environ.get("WORKBENCH_PUBLIC_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
TELCO = DATA / "telco_churn" / "WA_Fn-UseC_-Telco-Customer-Churn.csv"


def period(seed, n=500):
    """Customers whose churn depends on recency and on their channel."""
    rng = np.random.default_rng(seed)
    recency = rng.integers(1, 56, n)
    channel = rng.choice(["store", "web", "app"], n)
    chance = 1 / (1 + np.exp(-(0.08 * (recency - 30) + 1.5 * (channel == "web"))))
    return pd.DataFrame(
        {
            "customer_id": [f"c{i:05}" for i in range(n)],
            "recency_days": recency,
            "spend": np.where(rng.random(n) < 0.1, np.nan, np.exp(rng.normal(4, 1, n))),
            "channel_top": channel,
            "label": (rng.random(n) < chance).astype(int),
        }
    )


@pytest.fixture(scope="module")
def periods():
    return {name: period(seed) for seed, name in enumerate(("train", "calibrate", "test"))}


@pytest.fixture(scope="module")
def dated(periods):
    return fit_dated(periods, n_bootstraps=60, seed=1)


def test_dated_labels_give_a_tested_model(dated, periods):
    result = dated.metrics
    assert (dated.verdict, result["split"], result["chosen"]) == ("model", "time", "logistic")
    assert result["auc_low"] < result["auc"] < result["auc_high"]
    assert result["auc"] > result["baseline_auc"] > 0.6
    assert result["positives"] == periods["test"]["label"].sum()
    assert 0.7 < result["calibration_slope"] < 1.4
    assert result["leak_alarms"] == 0
    assert dated.candidates["candidate"].tolist() == [name for name in CANDIDATES if name != "expected_purchases"]
    assert dated.candidates["chosen"].sum() == 1
    assert set(dated.importance["feature"].head(2)) == {"recency_days", "channel_top"}
    assert dated.predictions["churn_probability"].between(0, 1).all()
    assert dated.calibration["n"].sum() == len(dated.predictions) == 500


def test_same_seed_gives_the_same_bytes_and_row_order_of_the_test_does_not_matter(dated, periods):
    shuffled = {**periods, "test": periods["test"].sample(frac=1, random_state=3)}
    repeated = fit_dated(shuffled, n_bootstraps=60, seed=1)
    pd.testing.assert_frame_equal(dated.predictions, repeated.predictions)
    assert dated.model_version == repeated.model_version
    assert dated.metrics["auc"] == repeated.metrics["auc"]


def test_test_labels_do_not_reach_the_tested_probabilities(dated, periods):
    label = periods["test"]["label"]
    turned = {**periods, "test": periods["test"].assign(label=label.mask(label.index % 10 == 0, 1 - label))}
    result = fit_dated(turned, n_bootstraps=20, seed=1)
    assert result.predictions["churn_probability"].equals(dated.predictions["churn_probability"])
    assert result.metrics["auc"] < dated.metrics["auc"]


def test_a_model_no_better_than_the_baseline_on_the_test_gives_way_to_it(periods):
    turned = {**periods, "test": periods["test"].assign(label=1 - periods["test"]["label"])}
    result = fit_dated(turned, n_bootstraps=20, seed=1)
    assert (result.metrics["chosen"], result.model.name) == ("baseline", "baseline")
    assert result.metrics["auc"] == result.metrics["baseline_auc"] < 0.5
    assert result.candidates.set_index("candidate")["chosen"].loc["baseline"]


def test_scoring_takes_unseen_categories_missing_values_and_no_customers(dated):
    rows = pd.DataFrame(
        {"customer_id": ["a", "b"], "recency_days": [3, 50], "spend": [np.nan, 5], "channel_top": ["phone", None]}
    )
    scores = dated.model.predict(rows)
    assert scores.shape == (2,) and (scores > 0).all() and (scores < 1).all() and scores[0] < scores[1]
    assert dated.model.predict(rows.iloc[:0]).shape == (0,)
    with pytest.raises(DataError, match="column 'spend' is missing"):
        dated.model.predict(rows.drop(columns="spend"))


def test_labels_without_dates_are_folded(monkeypatch):
    monkeypatch.setattr(models, "REPEATS", 1)
    result = fit_undated(period(5, 300), n_bootstraps=30, seed=2)
    facts = result.metrics
    assert (facts["split"], facts["customers"]) == ("random", 300)
    assert facts["auc_low"] < facts["auc"] < facts["auc_high"]
    assert 0.65 < facts["auc"] < 0.92
    assert result.predictions["churn_probability"].between(0, 1).all()
    assert result.candidates["candidate"].tolist() == [name for name in CANDIDATES if name != "expected_purchases"]


def test_labels_of_pure_chance_are_found_to_be_chance(monkeypatch):
    monkeypatch.setattr(models, "REPEATS", 1)
    noise = period(6, 400)
    noise["label"] = np.random.default_rng(0).integers(0, 2, 400)
    result = fit_undated(noise, n_bootstraps=50, seed=2)
    assert result.metrics["auc_low"] < 0.55 and result.metrics["auc"] < 0.6


def test_too_few_of_either_class_is_a_result_with_the_counts(periods):
    few = periods["test"].assign(label=0)
    few.loc[:28, "label"] = 1
    result = fit_dated({**periods, "test": few})
    assert (result.verdict, result.metrics["positives"], result.model) == ("too_few_positives", 29, None)
    assert result.counts["test.customers"] == 500
    mirrored = fit_undated(few.assign(label=1 - few["label"]))
    assert mirrored.verdict == "too_few_positives"
    assert fit_undated(periods["test"].iloc[:0]).metrics["positives"] == 0
    assert fit_undated(periods["test"].iloc[:1]).verdict == "too_few_positives"


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_alone_is_a_result_with_the_counts(periods, outcome):
    everybody = {name: frame.assign(label=outcome) for name, frame in periods.items()}
    for result in (fit_dated(everybody), fit_undated(everybody["test"])):
        assert (result.verdict, result.model) == ("too_few_positives", None)
        assert (result.metrics["positives"], result.metrics["customers"]) == (500 * outcome, 500)


def test_planted_future_feature_raises_both_alarms(periods):
    leaky = {name: frame.assign(orders_after=1.0 - frame["label"]) for name, frame in periods.items()}
    result = fit_dated(leaky, n_bootstraps=20)
    assert result.metrics["auc"] > 0.98
    assert result.metrics["leak_alarms"] == len(result.alarms)
    raised = set(map(tuple, result.alarms[["alarm", "feature"]].to_numpy()))
    assert {("model_auc", ""), ("beyond_baseline", ""), ("feature_auc", "orders_after")} <= raised


@pytest.mark.parametrize("split", ["time", "random"])
def test_inputs_fitted_on_more_than_the_training_customers_raise_the_alarm_of_a_run(periods, monkeypatch, split):
    def leaky(self, kind):
        more = pd.concat([self.frame, self.frame.assign(spend=self.frame["spend"] * 100)])
        inputs = fitting.build_inputs(kind, self.columns).fit(more)
        return inputs, inputs.transform(self.frame)

    monkeypatch.setattr(fitting.Training, "prepared", leaky)
    monkeypatch.setattr(models, "REPEATS", 1)
    for room in (models, fitting):
        monkeypatch.setattr(room, "available_candidates", lambda columns: ("baseline", "logistic"), raising=False)
        monkeypatch.setattr(room, "choose_candidate", lambda *given: "logistic")
    result = fit_dated(periods, n_bootstraps=10) if split == "time" else fit_undated(periods["train"], n_bootstraps=10)
    assert result.alarms["alarm"].tolist() == ["fitted_on_all"]
    assert result.metrics["leak_alarms"] == 1


def test_leak_in_a_category_or_in_missing_values_is_found():
    frame = period(1, 200)
    labels = frame["label"].to_numpy()
    frame["reason"] = np.where(labels == 1, "moved", "none")
    frame["returned_days"] = np.where(labels == 1, np.nan, 5.0) + np.arange(200) % 3
    columns = choose_columns(frame)
    assert find_feature_alarms(frame, labels, columns)["feature"].tolist() == ["reason", "returned_days"]


def test_columns_that_are_no_features_are_left_out_with_the_reason():
    n = 60
    frame = period(0, n).assign(
        email="x@example.org",
        religion=["a", "b"] * 30,
        store_id="s1",
        note=[f"text {i}" for i in range(n)],
        row=np.arange(n),
        first_ordered_on=[date(2024, 1, 1 + i % 28) for i in range(n)],
        last_seen=pd.Timestamp("2024-01-01"),
        same=3,
        none=np.nan,
        member=[True, False] * 30,
    )
    frame["last_seen"] = pd.date_range("2024-01-01", periods=n)
    result = choose_columns(frame)
    assert result.categorical == ("channel_top",)
    assert result.numeric == ("member", "recency_days", "spend")
    assert result.dropped == {
        "email": "contact",
        "religion": "sensitive",
        "store_id": "identifier",
        "note": "identifier",
        "row": "identifier",
        "first_ordered_on": "date",
        "last_seen": "date",
        "same": "constant",
        "none": "all_missing",
    }


def test_column_of_some_periods_only_is_left_out(periods):
    result = fit_dated({**periods, "train": periods["train"].assign(extra=np.arange(500) % 7)}, n_bootstraps=20)
    assert result.columns.dropped == {"extra": "not_in_all_periods"}


def test_choice_is_the_simplest_within_one_standard_error():
    labels = np.array([0, 1] * 200)  # standard error of .8 about .022
    assert choose_candidate({"baseline": 0.79, "logistic": 0.8, "gradient_boosting": 0.8}, labels) == "baseline"
    assert choose_candidate({"baseline": 0.7, "logistic": 0.79, "gradient_boosting": 0.8}, labels) == "logistic"
    assert choose_candidate({"baseline": 0.6, "logistic": 0.7, "gradient_boosting": 0.8}, labels) == "gradient_boosting"


def test_faults_are_named_all_at_once(periods):
    with pytest.raises(DataError) as error:
        fit_dated({"train": periods["train"].drop(columns="label"), "test": periods["test"].assign(label=2)})
    assert "period 'calibrate' is missing" in str(error.value)
    assert "churn period 'train': column 'label' is missing" in str(error.value)
    assert "500 labels are neither 0 nor 1, the first is 2" in str(error.value)


def test_nothing_to_learn_from_is_refused_with_what_was_left_out():
    frame = period(0, 200)[["customer_id", "label"]].assign(same=1)
    with pytest.raises(DataError, match=r"no usable column\. at least one\. Left out: same \(constant\)"):
        fit_undated(frame)


@pytest.mark.slow
@pytest.mark.skipif(not TELCO.exists(), reason=f"public data is missing: {TELCO.name}")
def test_telco_reaches_the_published_figures_and_no_more():
    frame = pd.read_csv(TELCO, dtype=str).rename(columns={"customerID": "customer_id"})
    frame["label"] = (frame.pop("Churn") == "Yes").astype(int)
    for column in ("SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges"):
        frame[column] = pd.to_numeric(frame[column].str.strip().replace("", None))
    result = fit_undated(frame, n_bootstraps=100, seed=20240601)
    assert 0.842 <= result.metrics["auc"] <= 0.87
    assert result.metrics["brier"] <= 0.137
    assert result.metrics["average_precision"] >= 0.64
    assert result.metrics["positives"] == 1869
    assert result.metrics["leak_alarms"] == 0
