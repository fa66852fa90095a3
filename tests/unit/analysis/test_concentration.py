"""Concentration of spend: equal, extreme and hand-computed cases, and intervals that cover the truth."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.description.concentration import pareto


def spend_of(*values):
    return pd.DataFrame({"monetary_total": np.array(values, dtype=float)})


def test_equal_spend_has_gini_0_and_half_of_it_is_held_by_half():
    result = pareto(spend_of(*[0.1] * 10), seed=1, n_bootstraps=20)
    assert result.gini == pytest.approx(0, abs=1e-12)
    assert result.marks["customers"].tolist() == [5, 8]
    assert result.marks["customers_share"].tolist() == [0.5, 0.8]


def test_hand_computed_case():
    # 1, 2, 3, 4 of 10: Gini = (2*(1*1+2*2+3*3+4*4)/(4*10)) - 5/4 = .25; 4+3 hold 7 >= 5, 4+3+2 hold 9 >= 8
    result = pareto(spend_of(3, 1, 4, 2), seed=1, n_bootstraps=50)
    assert result.gini == pytest.approx(0.25)
    assert result.marks["customers"].tolist() == [2, 3]
    assert result.curve.to_numpy().tolist() == [[0, 0], [0.25, 0.4], [0.5, 0.7], [0.75, 0.9], [1, 1]]
    assert result.spend == 10


def test_customers_without_positive_spend_are_left_out_and_counted():
    result = pareto(spend_of(5, 0, -3, np.nan, 5), seed=1, n_bootstraps=10)
    assert (result.customers, result.left_out, result.gini) == (2, 3, 0)


def test_one_big_spender_holds_it_all():
    result = pareto(spend_of(1e9, *[1e-6] * 99), seed=1, n_bootstraps=50)
    assert result.gini == pytest.approx(0.99, abs=1e-6)
    assert result.marks["customers"].tolist() == [1, 1]


@pytest.mark.parametrize("values", [(), (7.0,)])
def test_none_or_one_customer_has_no_interval(values):
    result = pareto(spend_of(*values), seed=1, n_bootstraps=10)
    assert np.isnan([result.gini_low, result.gini_high]).all()
    assert result.marks[["low", "high"]].isna().all(axis=None)
    assert len(result.curve) == (2 if values else 0)


def test_interval_of_a_log_normal_covers_its_gini_and_bytes_do_not_depend_on_row_order():
    spend = spend_of(*np.random.default_rng(8).lognormal(3, 1, 2000))
    result = pareto(spend, seed=5, n_bootstraps=200)
    assert result.gini_low < 0.5205 < result.gini_high  # 2 * Phi(1 / sqrt 2) - 1
    assert result.marks["low"].iloc[0] < result.marks["customers_share"].iloc[0] < result.marks["high"].iloc[0]
    repeated = pareto(spend.sample(frac=1, random_state=1), seed=5, n_bootstraps=200)
    assert (repeated.gini_low, repeated.gini_high, repeated.spend) == (result.gini_low, result.gini_high, result.spend)
    pd.testing.assert_frame_equal(repeated.marks, result.marks, check_exact=True)


def test_gini_equals_the_mean_absolute_difference():
    values = np.random.default_rng(1).gamma(0.5, size=60)
    expected = np.abs(values[:, None] - values).mean() / (2 * values.mean())
    assert pareto(spend_of(*values), seed=1, n_bootstraps=10).gini == pytest.approx(expected)


def test_the_curve_is_thinned_but_keeps_both_ends():
    curve = pareto(spend_of(*range(1, 5001)), seed=1, n_bootstraps=2).curve
    assert len(curve) == 101
    assert curve.iloc[0].tolist() == [0, 0] and curve.iloc[-1].tolist() == [1, 1]
