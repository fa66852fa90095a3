"""What the churn study says: the numbers of the test, and plain refusals where there is no model."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from workbench.analysis.churn.answers import AnswerStudy
from workbench.analysis.churn.decision import decide, profit_curve
from workbench.analysis.churn.labels import Horizon
from workbench.analysis.churn.models.results import ChurnResult
from workbench.analysis.churn.study import ChurnStudy
from workbench.report.findings.churn.answers import find_answers
from workbench.report.findings.churn.decision import find_decision, measure_profit
from workbench.report.findings.churn.scores import find_churn, limit_churn, measure_churn
from workbench.report.text import say

METRICS = {
    "auc": 0.8, "auc_low": 0.75, "auc_high": 0.85, "baseline_auc": 0.7, "positives": 40, "customers": 200,
    "base_rate": 0.2, "brier": 0.12, "calibration_slope": 1.1, "chosen": "logistic", "leak_alarms": 0,
}  # fmt: skip
NOBODY = pd.DataFrame({"cut_off": pd.Series(dtype="datetime64[us]")})


@pytest.fixture
def study():
    """Of 200 tested customers the 20 at highest risk hold 15 of the 40 who left."""
    risk = [0.9] * 20 + [0.1] * 180
    left = [1] * 15 + [0] * 5 + [1] * 25 + [0] * 155
    ids = [f"c{at:03}" for at in range(200)]
    result = ChurnResult(
        "model",
        "time",
        {},
        METRICS,
        candidates=pd.DataFrame({"candidate": ["baseline", "logistic", "gradient_boosting"]}),
        predictions=pd.DataFrame({"customer_id": ids, "label": left, "churn_probability": risk}),
        gain=pd.DataFrame({"share_contacted": [0.0, 0.1, 0.3, 1.0], "share_reached": [0.0, 0.4, 0.6, 1.0]}),
        importance=pd.DataFrame(
            {"feature": ["recency_days", "city"], "importance": [0.1, 0.01], "low": [0.05, -0.01], "high": [0.15, 0.02]}
        ),
        alarms=pd.DataFrame(columns=["alarm", "feature", "auc"]),
    )
    cuts = {"train": date(2024, 1, 1), "calibrate": date(2024, 2, 1), "test": date(2024, 3, 1)}
    counts = {"test.eligible": 200, "test.inactive": 7, "immature": 211}
    return ChurnStudy(
        "purchases", "model", result, horizon=Horizon(35, 30, 900, "rhythm"), cut_offs=cuts,
        train_cut_offs=(date(2024, 1, 1),), train_cut_offs_asked=1, counts=counts, active_within_days=70,
    )  # fmt: skip


def find(study, scored=NOBODY):
    return find_churn(study, scored, min_positives=30)


def changed(study, **metrics):
    return replace(study, result=replace(study.result, metrics=METRICS | metrics))


def test_a_model_is_reported_by_hand(study, values_by_key):
    values = values_by_key(find(study, pd.DataFrame({"cut_off": [pd.Timestamp("2024-04-05")] * 3})))
    assert values["churn_answer"] == {
        "auc": 0.8, "auc_low": 0.75, "auc_high": 0.85, "baseline_auc": 0.7, "positives": 40, "n": 200,
        "horizon_days": 35,
    }  # fmt: skip
    assert (values["churn_rate"]["share"], values["churn_rate"]["n"]) == (0.2, 200)
    assert values["churn_rate"]["low"] < 0.2 < values["churn_rate"]["high"]
    assert values["churn_top"] == {"top": 20, "leavers": 15, "share": 0.75, "base_share": 0.2}
    assert values["churn_gain"] == {"share_customers": 0.2, "share_leavers": pytest.approx(0.5), "n": 200}
    calibration = values["churn_calibration"]
    assert (calibration["expected"], calibration["left"]) == (pytest.approx(36.0), 40)  # 20 x .9 + 180 x .1
    assert values["churn_chosen"] == {"model": "logistic", "candidates": 3}
    assert values["churn_driver"]["feature"] == "recency_days"
    assert values["churn_dates"]["test"] == "2024-03-01"
    assert values["churn_population"] == {"customers": 200, "active_within_days": 70}
    assert values["churn_scored"] == {"customers": 3, "cut_off": "2024-04-05"}
    assert "churn_leak" not in values


def test_the_cut_offs_and_who_is_in_none_of_them_are_reported(study, values_by_key):
    values = values_by_key(find(study))
    assert values["churn_immature"] == {"customers": 211, "known": "2024-05-10"}  # 70 days after the test's cut-off
    assert {"churn_dates_several", "churn_cut_offs_few", "churn_origins", "churn_apart"}.isdisjoint(values)
    origins = pd.DataFrame({"role": ["train", "train", "test"], "auc": [None, 0.71, 0.8]})
    several = replace(
        changed(study, auc_apart=0.78), train_cut_offs=(date(2023, 11, 1), date(2024, 1, 1)), train_cut_offs_asked=3
    )
    several = replace(several, result=replace(several.result, origins=origins))
    values = values_by_key(find(several))
    assert (values["churn_dates_several"]["first"], values["churn_dates_several"]["cut_offs"]) == ("2023-11-01", 2)
    assert values["churn_cut_offs_few"] == {"used": 2, "asked": 3, "horizon_days": 35}
    assert values["churn_origins"] == {"low": 0.71, "high": 0.8, "cut_offs": 2}
    assert values["churn_apart"] == {"apart": 0.78, "auc": 0.8}
    assert measure_churn(several)["train_cut_offs"] == 2


def test_labels_left_out_are_reported_by_their_reason(study, values_by_key):
    left = replace(study, counts=study.counts | {"labels.household_later": 3, "labels.without_features": 0})
    assert values_by_key(limit_churn(left))["churn_left_out_household_later"] == {"labels": 3}
    assert "churn_left_out_without_features" not in values_by_key(limit_churn(left))


@pytest.mark.parametrize(("low", "key"), [(0.700001, "churn_answer"), (0.7, "churn_no_gain"), (0.5, "churn_no_gain")])
def test_only_an_interval_above_the_baseline_is_a_gain(study, low, key, values_by_key):
    assert key in values_by_key(find(changed(study, auc_low=low)))


def test_a_baseline_that_no_model_beats_is_reported_as_used(study, values_by_key):
    values = values_by_key(find(changed(study, chosen="baseline", auc=0.7, auc_low=0.6, auc_high=0.8)))
    assert values["churn_baseline"] == {
        "auc": 0.7, "auc_low": 0.6, "auc_high": 0.8, "positives": 40, "n": 200, "horizon_days": 35,
    }  # fmt: skip
    assert values["churn_chosen_baseline"]["model"] == "baseline"
    assert {"churn_answer", "churn_no_gain", "churn_chosen"}.isdisjoint(values)


def test_labels_without_dates_are_reported_as_split_at_random(study, values_by_key):
    random = replace(study, kind="undated_labels", horizon=None, cut_offs={}, counts={}, active_within_days=None)
    values = values_by_key(find(random, pd.DataFrame({"cut_off": [pd.NaT]})))
    assert {"churn_answer_undated", "churn_rate_undated"} <= set(values)
    assert {"churn_dates", "churn_population", "churn_scored", "churn_rate"}.isdisjoint(values)
    assert set(values_by_key(limit_churn(random))) == {
        "churn_limit_cause",
        "churn_limit_undated",
        "churn_limit_decision",
    }
    assert measure_churn(random)["split"] == "random"
    assert "horizon_days" not in measure_churn(random)


def test_dated_labels_have_a_test_period_and_no_horizon(study, values_by_key):
    dated = replace(study, kind="dated_labels", horizon=None, counts={}, active_within_days=None)
    assert "churn_answer_labels" in values_by_key(find(dated))
    limits = values_by_key(limit_churn(dated))
    assert limits["churn_limit_period"] == {"test": "2024-03-01"}
    assert "churn_limit_label" not in limits


def test_a_leak_alarm_is_the_first_and_heaviest_finding(study, values_by_key):
    alarms = pd.DataFrame({"alarm": ["feature_auc", "model_auc"], "feature": ["closed_at", ""], "auc": [0.99, 0.99]})
    findings = find(replace(study, result=replace(study.result, alarms=alarms)))
    assert (findings[0].key, findings[0].weight) == ("churn_leak", 1.0)
    assert findings[0].values == {
        "alarms": 2,
        "features": ["closed_at"],
        "kinds": ["alarm_feature_auc", "alarm_model_auc"],
    }
    nameless = find(replace(study, result=replace(study.result, alarms=alarms.iloc[1:])))
    assert nameless[0].values == {"alarms": 1, "features": ["logistic"], "kinds": ["alarm_model_auc"]}
    values_by_key(findings)


def test_nine_customers_at_the_top_are_too_few_to_tell(study, values_by_key):
    few = study.result.predictions.head(99)
    assert "churn_top" not in values_by_key(find(replace(study, result=replace(study.result, predictions=few))))


def test_ties_at_the_top_do_not_depend_on_the_order_of_the_rows(study, values_by_key):
    turned = replace(study.result, predictions=study.result.predictions.iloc[::-1].reset_index(drop=True))
    assert values_by_key(find(replace(study, result=turned)))["churn_top"] == values_by_key(find(study))["churn_top"]


def test_no_driver_is_reported_that_may_be_chance(study, values_by_key):
    unsure = study.result.importance.iloc[1:]
    assert "churn_driver" not in values_by_key(find(replace(study, result=replace(study.result, importance=unsure))))
    none = study.result.importance.iloc[:0]
    assert "churn_driver" not in values_by_key(find(replace(study, result=replace(study.result, importance=none))))


@pytest.mark.parametrize(
    ("reason", "span"),
    [("no_purchases", {}), ("no_repeats", {}), ("too_short", {"days": 60, "needed_days": 112})],
)
def test_a_history_too_short_is_refused_in_both_languages(reason, span, values_by_key):
    nothing = ChurnStudy(
        "purchases", "too_short", ChurnResult("too_short", "time", {}, {"leak_alarms": 0}), reason, span
    )
    findings = find(nothing)
    assert values_by_key(findings) == {f"churn_{reason}": span}
    for language in ("en", "zh"):
        assert say(f"churn_{reason}_heading", language, findings[0].values)
    assert not any(character.isascii() and character.isalpha() for character in say(findings[0].key, "zh", span))
    assert set(values_by_key(limit_churn(nothing))) == {"churn_limit_cause", "churn_limit_decision"}
    assert measure_churn(nothing)["verdict"] == "too_short"


@pytest.mark.parametrize(
    ("counts", "key", "values"),
    [
        ({"train": (90, 40), "calibrate": (80, 12), "test": (70, 35)}, "churn_too_few", {"positives": 12, "n": 80}),
        ({"train": (90, 85), "calibrate": (80, 40), "test": (70, 35)}, "churn_too_few_stay", {"stayed": 5, "n": 90}),
        ({"all": (60, 0)}, "churn_too_few", {"positives": 0, "n": 60}),
        ({"train": (0, 0), "calibrate": (0, 0), "test": (70, 35)}, "churn_too_few", {"positives": 0, "n": 0}),
    ],
)
def test_too_few_names_the_scarcest_outcome_where_it_is_scarcest(study, counts, key, values, values_by_key):
    flat = {f"{name}.customers": n for name, (n, _) in counts.items()}
    flat |= {f"{name}.positives": left for name, (_, left) in counts.items()}
    few = replace(study, verdict="too_few_positives", result=ChurnResult("too_few_positives", "time", flat, {}))
    assert values_by_key(find(few)) == {key: values | {"needed": 30}}


def test_what_is_measured_says_how_and_when(study):
    measured = measure_churn(study)
    assert measured["auc"] == 0.8
    assert (measured["verdict"], measured["split"]) == ("model", "time")
    assert (measured["horizon_days"], measured["horizon_set_by"]) == (35, "rhythm")
    assert (measured["cut_off.test"], measured["test.inactive"]) == ("2024-03-01", 7)


def test_the_decision_comes_with_how_sure_it_is(study, values_by_key):
    scored = study.result.predictions[["customer_id", "churn_probability"]]
    decision = decide(scored, study.result.predictions, decision_share=0.1)
    profit = profit_curve(study.result.predictions, contact_cost=1, gain_per_leaver=5, n_bootstraps=20)
    findings = find_decision(decision, profit, horizon_days=35, cost=1.0, gain=5.0)
    values = values_by_key(findings)["churn_decision"]
    assert (values["size"], values["about"], values["lot"], values["expected"]) == (20, 15, 4, 18)
    assert values["low"] < 15 < values["high"]
    assert findings[0].weight > max(finding.weight for finding in find(study))
    assert values_by_key(find_decision(decision, profit, horizon_days=None, cost=1.0, gain=5.0)).keys() >= {
        "churn_decision_labels"
    }
    assert find_decision(None, profit, horizon_days=35, cost=1.0, gain=5.0) == []
    chance = replace(decision, precision_low=decision.random)
    (none,) = find_decision(chance, profit, horizon_days=35, cost=1.0, gain=5.0)
    assert none.key == "churn_decision_random"


def test_the_profit_optimum_is_recorded(study):
    profit = profit_curve(study.result.predictions, contact_cost=1, gain_per_leaver=5, n_bootstraps=20)
    best = profit.loc[profit["profit"].idxmax()]
    assert measure_profit(profit) == {"profit_share": best["share_contacted"], "profit": best["profit"]}
    assert measure_profit(profit.head(0)) == {}


def answer_study(**changes):
    metrics = {name: METRICS[name] for name in METRICS if name != "chosen"} | {"leak_alarms": 0} | changes
    tested = pd.DataFrame({"churn_probability": [0.3] * 200})
    return AnswerStudy("model", tested.head(0), {f"answers.{k}": v for k, v in metrics.items()}, predictions=tested)


def test_a_model_of_answers_is_compared_with_the_last_answer_and_its_expectation_with_the_answers(values_by_key):
    values = values_by_key(find_answers(answer_study(), min_positives=30))
    assert list(values) == ["answers_model", "answers_calibration"]
    assert values["answers_model"]["baseline_auc"] == 0.7
    assert (round(values["answers_calibration"]["expected"]), values["answers_calibration"]["answered"]) == (60, 40)
    assert "answers_no_gain" in values_by_key(find_answers(answer_study(auc_low=0.69), min_positives=30))
    assert "answers_leak" in values_by_key(find_answers(answer_study(leak_alarms=1), min_positives=30))


@pytest.mark.parametrize(
    ("verdict", "keys"),
    [("too_few_positives", ["answers_too_few"]), ("too_short", ["answers_too_short"]), ("no_campaigns", [])],
)
def test_why_there_is_no_model_of_answers_is_said_where_campaigns_are(verdict, keys, values_by_key):
    study = AnswerStudy(verdict, pd.DataFrame(), {"answers.verdict": verdict})
    assert list(values_by_key(find_answers(study, min_positives=30))) == keys
