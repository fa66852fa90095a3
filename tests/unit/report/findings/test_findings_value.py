"""What the study of value says: every sentence filled in both languages, refusals with their counts, cautions where due."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.value.definition import ValueDefinition
from workbench.analysis.value.models.fitting import Fit
from workbench.analysis.value.study import ValueStudy
from workbench.analysis.value.worth import Spend, Terms
from workbench.report.findings.value import find_value, limit_value, measure_value, rank_ladder, table_parameters
from workbench.report.text import say

NO_CURVES = pd.DataFrame(columns=["group", "n", "days", "waiting", "low", "high"])
CURVES = pd.DataFrame(
    {"group": "all", "n": 200, "days": [0.0, 90.0], "waiting": [1, 0.6], "low": [1, 0.5], "high": [1, 0.7]}
)


def fit(names, *, converged=True):
    size = len(names)
    errors = dict.fromkeys(names, 0.1)
    return Fit(dict.fromkeys(names, 1.5), errors, np.eye(size) / 100, -900.0, 200.0, converged, 3, 3)


def valued(**reasons):
    orders, spend = fit(("r", "alpha", "a", "b")), fit(("p", "q", "v"))
    definition = ValueDefinition("shop", "2024-07-01", "bgnbd", orders, Spend(spend, 30.0), Terms(weeks=26.0), "CNY")
    facts = {
        "customers": 200, "calibration_customers": 200, "calibration_until": date(2023, 12, 31), "level": 0.9,
        "holdout_until": date(2024, 6, 30), "holdout_days": 182, "horizon_days": 182, "order_model": "bgnbd", "margin_known": False, "margin": 1.0,
    }  # fmt: skip
    frames = {
        "interval_coverage": 0.92, "next_expected": 80.0, "next_observed": 90.0, "next_coverage": 0.8,
        "next_days_off_median": 12.0, "independence_n": 90.0, "independence_correlation": 0.02,
        "independence_low": -0.2, "independence_high": 0.2,
    }  # fmt: skip
    rows = [("bgnbd", "orders", 0.7), ("naive", "orders", 1.1), ("bgnbd", "spend", 20.0), ("naive", "spend", 30.0)]
    holdout = pd.DataFrame(rows, columns=["model", "target", "mae"]).assign(
        rmse=2.0, correlation=0.6, bias=0.1, gini=0.5, deviance=1.5
    )
    values = pd.DataFrame({"customer_id": [f"c{n:03d}" for n in range(200)], "expected_value": np.arange(200.0)})
    values = values.assign(expected_orders=1.0, value_low=0.0, value_high=values["expected_value"] * 3, p_alive=0.8)
    tenths = pd.DataFrame(
        {"decile": range(1, 11), "n": 20, "predicted": 1.0, "observed": 1.0, "observed_share": 0.1, "naive_share": 0.08}
    )
    tables = {
        "predictions": pd.DataFrame({"observed": [40.0, 0], "chosen": [30.0, 5], "naive": [60.0, 0]}),
        "by_frequency": pd.DataFrame({"repeats": [0, 1], "n": [150, 50], "observed": [0.2, 1.0], "bgnbd": [0.25, 0.9]}),
        "deciles": tenths,
        "hazard_ratios": pd.DataFrame({"factor": ["repeats"], "ratio": [1.5], "low": [1.2], "high": [1.9], "n": [200]}),
    }  # fmt: skip
    return ValueStudy(
        "valued",
        "",
        facts,
        {"bgnbd": orders, "gamma_gamma": spend},
        definition,
        frames | reasons,
        holdout,
        values,
        tables=tables,
    )


def test_where_costs_are_known_value_is_said_to_be_margin(values_by_key):
    study = valued()
    assert values_by_key(find_value(study, CURVES))["value_answer"]["measure"] == "value_in_spend"
    study = replace(study, facts=study.facts | {"margin_known": True, "margin": 0.4})
    answer = values_by_key(find_value(study, CURVES))["value_answer"]
    assert answer["measure"] == "value_in_margin"
    assert "of margin in the next" in say("value_answer", "en", answer)
    assert "Tested on spend over" in say("value_answer", "en", answer)


def test_a_valued_base_is_reported_with_its_test(values_by_key):
    values = values_by_key(find_value(valued(), CURVES))
    assert values["value_answer"]["total"] == pytest.approx(199 * 200 / 2)
    assert values["value_answer"]["share"] == pytest.approx(sum(range(180, 200)) / sum(range(200)))
    assert (values["value_answer"]["foretold"], values["value_answer"]["came"]) == (35, 40)
    assert values["value_foretold"]["expected"] == pytest.approx(150 * 0.25 + 50 * 0.9)
    assert values["value_return"]["share"] == pytest.approx(0.4)
    assert {
        "value_error",
        "value_interval",
        "value_next",
        "value_ranking",
        "value_hazard_ratios",
        "value_model",
    } <= set(values)


def test_a_model_no_better_than_the_own_rate_is_said_to_be_so(values_by_key):
    study = valued()
    study.holdout.loc[study.holdout["model"] == "bgnbd", "mae"] = 1.2
    values = values_by_key(find_value(study, NO_CURVES))
    assert "value_no_gain" in values
    assert "value_error" not in values


def test_intervals_that_did_not_hold_are_named(values_by_key):
    assert "value_interval_off" in values_by_key(find_value(valued(interval_coverage=0.7), NO_CURVES))


@pytest.mark.parametrize(
    ("reason", "facts", "values"),
    [
        (
            "few_repeaters",
            {"calibration_repeaters": 3, "calibration_customers": 40},
            {"repeaters": 3, "customers": 40, "needed": 30},
        ),
        (
            "few_cycles",
            {"span_days": 100, "gap_days_median": 80.0},
            {"span_days": 100, "gap_days": 80, "needed_days": 160},
        ),
    ],
)
def test_too_little_data_is_reported_with_its_count(reason, facts, values, values_by_key):
    study = ValueStudy("too_little_data", reason, facts)
    reported = values_by_key(find_value(study, NO_CURVES))
    assert reported == {f"value_{reason}": values}
    assert limit_value(study, currency="", groups=False) == []
    assert measure_value(study)["verdict"] == "too_little_data"


def test_the_chance_of_still_buying_is_never_offered_as_churn_risk(values_by_key):
    for groups in (True, False):
        assert "value_limit_alive" in values_by_key(limit_value(valued(), currency="CNY", groups=groups))


def test_a_link_of_spend_and_frequency_a_missing_currency_and_an_unsettled_fit_are_cautioned(values_by_key):
    study = valued(independence_low=0.1, independence_correlation=0.2)
    study.fits["pareto"] = fit(("r", "alpha", "s", "beta"), converged=False)
    values = values_by_key(limit_value(study, currency="", groups=True))
    assert {"value_limit_independence", "value_limit_currency", "value_limit_groups", "value_limit_margin"} <= set(
        values
    )
    assert values["value_limit_converged"] == {"models": ["pareto"]}
    assert "value_limit_currency" not in values_by_key(limit_value(valued(), currency="CNY", groups=False))


def test_metrics_carry_the_names_others_rely_on():
    metrics = measure_value(valued())
    names = (
        "bgnbd.r",
        "bgnbd.alpha",
        "bgnbd.a",
        "bgnbd.b",
        "bgnbd.log_likelihood",
        "gamma_gamma.p",
        "gamma_gamma.q",
        "gamma_gamma.v",
    )
    assert set(names) <= set(metrics)
    assert (metrics["holdout_mae"], metrics["naive_mae"], metrics["holdout_correlation"]) == (0.7, 1.1, 0.6)


def test_the_ladder_averages_ten_customers_around_each_rank():
    ladder = rank_ladder(valued().values).set_index("rank")
    assert ladder.index.tolist() == [0.05, 0.1, 0.25, 0.5]  # the best 1 % are two customers
    assert ladder.loc[0.05, "expected_value"] == pytest.approx(np.mean(range(185, 195)))


def test_every_parameter_stands_with_its_error():
    table = table_parameters(valued())
    assert table.groupby("model")["parameter"].apply(list).to_dict() == {
        "bgnbd": ["r", "alpha", "a", "b"],
        "gamma_gamma": ["p", "q", "v"],
    }
    assert set(table["converged"]) == {"converged_yes"}
