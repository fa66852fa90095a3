"""Tests of overlapping shares, ids that were renewed, composition, alarms, predictions: right values and limits."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from workbench.analysis.watching.alarms import gather_alarms, watched_alarms
from workbench.analysis.watching.judging import judge
from workbench.analysis.watching.measures.bins import bin_numbers
from workbench.analysis.watching.measures.figures import Figure
from workbench.analysis.watching.measures.shares import Counts, compare_counts
from workbench.analysis.watching.migration import _matrix
from workbench.analysis.watching.pairing import pair_customers, rename_customers
from workbench.analysis.watching.realised import Prediction, judge_predictions, lost_to_baseline, weights_of

NOBODY = np.zeros((2, 2), dtype=int)


def test_without_common_customers_it_is_pearsons_test():
    shift = compare_counts(Counts(np.array([60, 40]), np.array([40, 60]), NOBODY))
    expected = chi2_contingency(np.array([[60, 40], [40, 60]]), correction=False).pvalue
    assert shift.p_value == pytest.approx(expected)
    assert shift.points == pytest.approx(20.0)


def test_with_all_in_common_it_is_mcnemars_test():
    both = np.array([[40, 25], [5, 30]])  # (25 - 5)^2 / (25 + 5) = 13.33
    shift = compare_counts(Counts(both.sum(axis=1), both.sum(axis=0), both))
    assert shift.p_value == pytest.approx(0.000261, abs=1e-6)


def test_shares_that_cannot_move_are_not_compared():
    assert compare_counts(Counts(np.array([5, 0]), np.array([9, 0]), NOBODY)) is None
    assert compare_counts(Counts(np.array([0, 0]), np.array([9, 1]), NOBODY)) is None


def test_equal_values_are_one_bin_and_missing_ones_the_last():
    binned = bin_numbers(np.array([3.0, 3.0, np.nan]), np.array([3.0, 3.0, 3.0]))
    assert binned.old.tolist() == [0, 0, 1]
    assert binned.ordered == 1


def test_renewed_ids_are_joined_by_source():
    then = pd.DataFrame({"source": "crm", "source_id": ["1", "2"], "customer_id": ["A", "B"]})
    now = pd.DataFrame({"source": "crm", "source_id": ["1", "2"], "customer_id": ["X", "Y"]})
    assert rename_customers(pd.Series(["B", "A", "C"]), then, now).tolist() == ["Y", "X", "C"]


def test_the_withdrawn_have_not_left():
    pairing = pair_customers(pd.Series(["a", "b", "c"]), pd.Series(["a"]), withdrawn=["b"])
    assert (pairing.n_old, len(pairing.left), pairing.withdrawn) == (2, 1, 1)


def test_small_changes_and_those_of_last_year_are_no_alarms():
    figures = [
        Figure("f", "small", "customers", "all", 1.0, 1.1, 1.9, p_value=0.0),
        Figure("f", "season", "customers", "all", 1.0, 2.0, 9.0, p_value=0.0),
        Figure("f", "large", "customers", "all", 1.0, 2.0, 9.0, p_value=0.0),
        Figure("f", "aged", "customers", "same", 1.0, 2.0, 9.0, p_value=0.0),
    ]
    drift = judge(figures, usual={("f", "aged"): 8.0}, season={("f", "season"): 2.1})
    assert dict(zip(drift["name"], drift["level"], strict=True)) == {
        "small": "",
        "season": "",
        "large": "alert",
        "aged": "",
    }


def test_an_acknowledged_alarm_stays_with_who_looked_until_its_day():
    day = dt.date(2025, 6, 1)
    drift = judge([Figure("f", "x", "customers", "all", 1.0, 2.0, 9.0, p_value=0.0, family="x")])
    seen = {"what": "distribution", "subject": "f.x", "by": "Li", "why": "sale", "until": "2025-06-01"}
    before = pd.DataFrame({"what": ["distribution"], "subject": ["f.x"], "since": [dt.date(2025, 5, 1)]})
    settings = {"least_change_points": 2.0, "acknowledged": [seen], "before": before}
    row = gather_alarms(drift, as_of=day, **settings).iloc[0]
    assert (row["acknowledged_by"], row["since"]) == ("Li", dt.date(2025, 5, 1))
    later = gather_alarms(drift, as_of=day + dt.timedelta(days=1), **settings).iloc[0]
    assert later["acknowledged_by"] is None


def test_a_watched_metric_below_its_bound_or_absent_is_an_alarm():
    watch = [{"metric": "08_predict_churn.auc", "below": 0.7, "above": None, "level": "warning"}]
    assert watched_alarms(watch, {"08_predict_churn.auc": 0.7}) == []
    assert watched_alarms(watch, {"08_predict_churn.auc": 0.69})[0]["new"] == "0.69"
    assert watched_alarms(watch, {})[0]["level"] == "warning"


def test_small_cells_of_a_migration_are_hidden():
    moves = pd.DataFrame(
        {"customer_id": range(60), "from": "a", "to": ["a"] * 40 + ["b"] * 15 + ["c"] * 5, "spend": 1.0}
    )
    rows = _matrix("segment", moves, 10).set_index("to")
    assert rows["customers"].isna().sum() == 2  # the small one, and one that would give it away
    assert rows.loc["a", "customers"] == 40


def orders_of(customers):
    return ibis.memtable(
        pd.DataFrame({"customer_id": customers, "ordered_at": pd.Timestamp("2025-05-10"), "amount": 10.0})
    )


def prediction(chances, contacted=None):
    people = (
        contacted
        if contacted is not None
        else pd.DataFrame(columns=["customer_id", "plan", "action", "arm", "starts_at"])
    )
    churn = pd.DataFrame({"customer_id": list(chances), "churn_probability": list(chances.values())})
    days = pd.DataFrame({"customer_id": list(chances), "recency_days": range(len(chances))})
    stages = {"08_predict_churn": {"metrics": {"horizon_days": 30}, "settings": {}}}
    return Prediction(dt.date(2025, 5, 1), {"churn": churn, "features": days}, stages, people)


def test_a_perfect_prediction_of_leaving_has_an_auc_of_one_once_it_is_over():
    chances = {f"c{at:02}": 0.9 if at < 10 else 0.1 for at in range(20)}
    bought = orders_of([f"c{at:02}" for at in range(10, 20)])
    over = judge_predictions([prediction(chances)], bought, as_of=dt.date(2025, 5, 31))
    rows = over[over["prediction"] == "churn"].set_index("measure")
    assert rows.loc["auc", ["value", "baseline"]].tolist() == [1.0, 0.0]
    assert rows.loc["calibration", "value"] == pytest.approx(1.0)
    assert judge_predictions([prediction(chances)], bought, as_of=dt.date(2025, 5, 30)).empty


def test_those_contacted_are_judged_apart_and_those_held_out_stand_for_them():
    people = pd.DataFrame(
        {"customer_id": list("abcd"), "plan": "p", "action": "mail", "arm": ["treat"] * 3 + ["hold_out"],
         "starts_at": dt.date(2025, 5, 1)}
    )  # fmt: skip
    treated, weight = weights_of(pd.Series(list("abcde")), people, dt.date(2025, 5, 1), dt.date(2025, 5, 31))
    assert treated.tolist() == [True, True, True, False, False]
    assert weight.tolist() == [0, 0, 0, 4, 1]


def test_losing_twice_proposes_training_again():
    rows = pd.DataFrame(
        {"prediction": "churn", "measure": "auc", "predicted_on": [1, 2, 3], "value": [0.8, 0.6, 0.6], "baseline": 0.7}
    )
    assert lost_to_baseline(rows) == ["churn"]
    assert lost_to_baseline(rows.head(2)) == []
