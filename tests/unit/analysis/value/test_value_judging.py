"""Quality of predictions of value, the next purchase, and the time until customers return."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.value.judging import (
    CRITERIA,
    by_decile,
    by_frequency,
    coverage,
    deviance,
    errors,
    gini,
    independence,
    loss_difference,
    next_coverage,
    recency_by_frequency,
    spread_of_outcomes,
)
from workbench.analysis.value.models import bg_nbd
from workbench.analysis.value.models.fitting import Fit
from workbench.analysis.value.next_purchase import expect_next, next_weeks
from workbench.analysis.value.survival import hazard_ratios, return_curves, return_spells
from workbench.analysis.value.worth import Spend, Terms, value_customers


def fit(parameters):
    size = len(parameters)
    return Fit(parameters, dict.fromkeys(parameters, 0.1), np.zeros((size, size)), -1.0, 10.0, True, 3, 3)


BG = fit({"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5})
PARETO = fit({"r": 0.5, "alpha": 5.0, "s": 0.6, "beta": 12.0})
HISTORY = pd.DataFrame(
    {"customer_id": ["a", "b", "c"], "repeats": [0, 4, 40], "last_weeks": [0.0, 30, 38.5], "age_weeks": [39.0, 39, 39]}
)


def test_value_is_orders_times_spend_discounted_at_the_middle_of_each_quarter():
    spend = Spend(None, 30.0)
    undiscounted = value_customers("bgnbd", BG, spend, HISTORY, Terms(weeks=52, discount_rate=0.0, draws=5))
    assert undiscounted["expected_value"].to_numpy() == pytest.approx(undiscounted["expected_orders"].to_numpy() * 30)
    rate = 0.2
    discounted = value_customers("bgnbd", BG, spend, HISTORY, Terms(weeks=52, discount_rate=rate, draws=5))
    ratio = (discounted["expected_value"] / undiscounted["expected_value"]).to_numpy()
    # orders fall off with time, so the mean factor lies between that of the first days and that of an even rate
    even = np.mean([(1 + rate) ** -((at + 0.5) / 400) for at in range(400)])
    assert (ratio >= even - 1e-3).all()
    assert (ratio < 1).all()


# errors, order, tenths ---------------------------------------------------------------------------


def test_a_perfect_prediction_has_no_error_and_finds_the_whole_order():
    observed = np.array([0.0, 1, 2, 10])
    assert errors(observed, observed) == {"mae": 0, "rmse": 0, "correlation": pytest.approx(1), "bias": 0}
    assert gini(observed, observed) == pytest.approx(1)
    assert gini(-observed, observed) == pytest.approx(-1)
    assert gini(np.ones(4), observed) == pytest.approx(0)


def test_the_deviance_of_spend_by_hand():
    spent = np.array([0.0, 4.0])
    assert deviance(spent, spent) == pytest.approx(2 * 2e-3 / 2 / 2)  # nothing is expected never: a thousandth of 2
    flat = np.array([2.0, 2.0])
    assert deviance(flat, spent) == pytest.approx((2 * 2 + 2 * (4 * np.log(2) - 2)) / 2 / 2)
    assert deviance(flat, spent) < deviance(flat * 1.1, spent) and deviance(flat, spent) < deviance(flat * 0.9, spent)
    assert np.isnan(deviance(flat, np.zeros(2)))


@pytest.mark.parametrize("by", CRITERIA)
def test_a_better_prediction_has_the_smaller_loss_and_the_same_one_none(by):
    rng = np.random.default_rng(4)
    mean = rng.gamma(1, 10, 400)
    spent = mean * rng.gamma(2, 0.5, 400)
    difference, error = loss_difference(mean, np.full(400, 10.0), spent, by=by, seed=1)
    assert difference < -2 * error < 0
    assert loss_difference(mean, mean, spent, by=by) == (0, 0)


def test_a_constant_side_has_no_correlation_and_no_spend_no_order():
    assert np.isnan(errors(np.ones(3), np.arange(3.0))["correlation"])
    assert np.isnan(gini(np.arange(3.0), np.zeros(3)))


def test_tenths_hold_what_their_customers_spent():
    observed = np.arange(20.0)
    table = by_decile({"model": observed, "naive": -observed}, observed, by="model")
    assert table["n"].tolist() == [2] * 10
    assert table["observed"].tolist() == [18.5 - 2 * item for item in range(10)]
    assert table["observed_share"].iloc[0] == pytest.approx(37 / 190)
    assert table["naive_share"].iloc[0] == pytest.approx(1 / 190)


def test_coverage_counts_the_outcomes_within_to_the_cent():
    low, high, seen = (pd.Series(item) for item in ([0.0, 5, 10], [4.0, 9, 20], [4.004, 9.1, 15]))
    assert coverage(low, high, seen) == pytest.approx(2 / 3)


def test_outcomes_of_like_predictions_give_the_bounds():
    predicted, observed = np.repeat([1.0, 2.0], 50), np.r_[np.zeros(50), np.full(50, 9.0)]
    edges, low, high = spread_of_outcomes(predicted, observed, level=0.9, groups=2)
    assert len(low) == len(high) == len(edges) + 1
    assert (low[0], high[-1]) == (0, 9)


def test_independence_is_found_and_denied():
    rng = np.random.default_rng(1)
    x = rng.integers(1, 10, 500)
    free = pd.DataFrame({"paid_repeats": x, "spend_repeat_mean": rng.gamma(5, 10, 500)})
    result = independence(free)
    assert result["low"] < 0 < result["high"]
    assert independence(free.assign(spend_repeat_mean=x * 10.0))["low"] > 0.9
    assert np.isnan(independence(free.head(20))["correlation"])


def test_repeats_of_seven_and_more_are_one_row():
    table = by_frequency(
        np.array([0, 6, 7, 8, 30]), {"model": np.array([1.0, 2, 3, 4, 5])}, np.array([0.0, 1, 2, 4, 6])
    )
    assert table["repeats"].tolist() == [0, 6, 7]
    assert table.loc[2, ["n", "observed", "model"]].tolist() == [3, 4, 4]


def test_the_matrix_counts_everybody_once():
    values = pd.DataFrame({"p_alive": [1.0, 0.5, 0.9], "expected_orders": [0.1, 1, 9]})
    table = recency_by_frequency(HISTORY, values)
    assert table["n"].sum() == 3
    assert table["repeats"].tolist() == [0, 4, 5]
    assert table["idle_low"].tolist() == [
        189.0,
        52.0,
        4.0,
    ]  # fifths of 4, 63 and 273 days end before 28, 52, 105 and 189
    assert table["idle_high"].tolist() == [273.0, 104.0, 27.0]
    assert table["repeats_high"].tolist() == [0, 4, np.inf]
    often = HISTORY.assign(repeats=[10, 20, 30])
    bands = recency_by_frequency(often, values)
    assert bands["repeats_low"].tolist() == [10, 18, 26]  # fifths: 10, 14, 18, 22, 26
    assert bands["repeats_high"].tolist() == [13, 21, 30]
    alone = recency_by_frequency(HISTORY.head(1), values.head(1))
    assert alone["n"].tolist() == [1]


# the next purchase -------------------------------------------------------------------------------


def test_the_chance_to_buy_by_bg_nbd_is_the_closed_form():
    result = next_weeks("bgnbd", BG, HISTORY, weeks=26)
    alive = bg_nbd.alive_probability(
        BG.parameters, *(HISTORY[name].to_numpy() for name in ("repeats", "last_weeks", "age_weeks"))
    )
    within = 1 - (44 / 70) ** (0.5 + HISTORY["repeats"])
    assert result["buy_probability"].to_numpy() == pytest.approx(alive * within)
    middle = 44 * ((1 - within / 2) ** (-1 / (0.5 + HISTORY["repeats"])) - 1)
    assert result["middle"].to_numpy() == pytest.approx(middle, rel=1e-3)


def test_who_may_leave_before_buying_is_less_likely_to_buy():
    staying = next_weeks("pareto", fit({**PARETO.parameters, "s": 1e-6}), HISTORY, weeks=26)
    leaving = next_weeks("pareto", PARETO, HISTORY, weeks=26)
    assert (leaving["buy_probability"] < staying["buy_probability"]).all()


@pytest.mark.parametrize(("model", "found"), [("bgnbd", BG), ("pareto", PARETO)])
def test_dates_are_in_order_within_the_horizon(model, found):
    table = expect_next(model, found, HISTORY, as_of=date(2024, 1, 1), weeks=26)
    dated = table.dropna()
    assert {"b", "c"} & set(dated["customer_id"])
    first, last = pd.Timestamp("2024-01-01"), pd.Timestamp("2023-12-31") + pd.Timedelta(weeks=26)
    assert (dated["next_purchase_low"] >= first).all()
    assert (dated["next_purchase_low"] <= dated["next_purchase_at"]).all()
    assert (dated["next_purchase_at"] <= dated["next_purchase_high"]).all()
    assert (dated["next_purchase_high"] <= last).all()


def test_an_unlikely_purchase_has_a_chance_and_no_date():
    gone = HISTORY.assign(repeats=6, last_weeks=2.0)
    table = expect_next("pareto", PARETO, gone, as_of=date(2024, 1, 1), weeks=26)
    assert (table["buy_probability"] < 0.1).all()
    assert table["next_purchase_at"].isna().all()


def test_no_customer_gives_no_rows():
    assert next_weeks("bgnbd", BG, HISTORY.head(0), weeks=26).empty


def test_the_ranges_of_dates_are_held_against_what_came():
    dates = pd.DataFrame({"buy_probability": [0.5, 0.9, 0.2], "low": [0, 1, 1], "middle": [1, 2, 2], "high": [2, 3, 3]})
    result = next_coverage(dates, pd.Series([7.0, 30.0, np.nan]))
    assert result == {
        "next_expected": pytest.approx(1.6), "next_observed": 2, "next_coverage": 0.5, "next_days_off_median": 8,
    }  # fmt: skip


# until they come again ---------------------------------------------------------------------------


def test_customers_not_yet_back_count_as_long_as_they_were_watched():
    """Forty watched: ten are back on day 7, ten leave our sight on day 14, ten of the other twenty are back on day 21."""
    weeks = [(1.0, 10.0)] * 10 + [(np.nan, 2.0)] * 10 + [(3.0, 10.0)] * 10 + [(np.nan, 10.0)] * 10
    history = pd.DataFrame(weeks, columns=["second_weeks", "age_weeks"]).assign(
        customer_id=[f"c{n}" for n in range(40)]
    )
    curve = return_curves(return_spells(history)).set_index("days")["waiting"]
    assert curve[7] == pytest.approx(0.75)
    assert curve[21] == pytest.approx(0.75 * 0.5)  # not 20 of 40: ten had left our sight


def test_a_group_below_thirty_has_no_curve_and_the_last_day_is_ignored():
    history = pd.DataFrame({"customer_id": [f"c{n}" for n in range(61)], "second_weeks": np.nan, "age_weeks": 5.0})
    history.loc[60, "age_weeks"] = 0.0
    spells = return_spells(history)
    assert len(spells) == 60
    groups = {f"c{n}": "small" if n < 29 else "large" for n in range(60)}
    assert set(return_curves(spells, groups)["group"]) == {"all", "large"}
    assert return_curves(spells.head(10)).empty


def test_frequent_customers_come_sooner():
    rng = np.random.default_rng(4)
    repeats = rng.integers(0, 10, 600)
    before = pd.DataFrame(
        {"repeats": repeats, "last_weeks": 1.0, "age_weeks": 20.0, "spend_total": rng.gamma(5, 10, 600)}
    )
    waits = rng.exponential(60 / (1 + repeats))
    later = pd.DataFrame({"next_days": np.where(waits < 30, np.ceil(waits), np.nan)})
    table = hazard_ratios(before, later, days=30).set_index("factor")
    assert table.loc["repeats", "low"] > 1
    assert "idle_weeks" not in table.index  # alike for all
    assert table.loc["spend_per_order", "low"] < 1 < table.loc["spend_per_order", "high"]
    assert hazard_ratios(before.head(40), later.head(40), days=30).empty
