"""Concentration of spend: equal, extreme and hand-computed cases, and intervals that cover the truth."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.description.concentration import pareto


def spend_of(*values):
    return pd.DataFrame({"monetary_total": np.array(values, dtype=float)})


def test_equal_spend_has_gini_0_and_half_of_it_is_held_by_half():
    found = pareto(spend_of(*[0.1] * 10), seed=1, n_bootstraps=20)
    assert found.gini == pytest.approx(0, abs=1e-12)
    assert found.marks["customers"].tolist() == [5, 8]
    assert found.marks["customers_share"].tolist() == [0.5, 0.8]


def test_hand_computed_case():
    # 1, 2, 3, 4 of 10: Gini = (2*(1*1+2*2+3*3+4*4)/(4*10)) - 5/4 = .25; 4+3 hold 7 >= 5, 4+3+2 hold 9 >= 8
    found = pareto(spend_of(3, 1, 4, 2), seed=1, n_bootstraps=50)
    assert found.gini == pytest.approx(0.25)
    assert found.marks["customers"].tolist() == [2, 3]
    assert found.curve.to_numpy().tolist() == [[0, 0], [0.25, 0.4], [0.5, 0.7], [0.75, 0.9], [1, 1]]
    assert found.spend == 10


def test_customers_without_positive_spend_are_left_out_and_counted():
    found = pareto(spend_of(5, 0, -3, np.nan, 5), seed=1, n_bootstraps=10)
    assert (found.customers, found.left_out, found.gini) == (2, 3, 0)


def test_one_big_spender_holds_it_all():
    found = pareto(spend_of(1e9, *[1e-6] * 99), seed=1, n_bootstraps=50)
    assert found.gini == pytest.approx(0.99, abs=1e-6)
    assert found.marks["customers"].tolist() == [1, 1]


@pytest.mark.parametrize("values", [(), (7.0,)])
def test_nobody_or_one_customer_claims_no_interval(values):
    found = pareto(spend_of(*values), seed=1, n_bootstraps=10)
    assert np.isnan([found.gini_low, found.gini_high]).all()
    assert found.marks[["low", "high"]].isna().all(axis=None)
    assert len(found.curve) == (2 if values else 0)


def test_interval_of_a_log_normal_covers_its_gini_and_bytes_do_not_depend_on_row_order():
    spend = spend_of(*np.random.default_rng(8).lognormal(3, 1, 2000))
    found = pareto(spend, seed=5, n_bootstraps=200)
    assert found.gini_low < 0.5205 < found.gini_high  # 2 * Phi(1 / sqrt 2) - 1
    assert found.marks["low"].iloc[0] < found.marks["customers_share"].iloc[0] < found.marks["high"].iloc[0]
    again = pareto(spend.sample(frac=1, random_state=1), seed=5, n_bootstraps=200)
    assert (again.gini_low, again.gini_high, again.spend) == (found.gini_low, found.gini_high, found.spend)
    pd.testing.assert_frame_equal(again.marks, found.marks, check_exact=True)


def test_gini_equals_the_mean_absolute_difference():
    values = np.random.default_rng(1).gamma(0.5, size=60)
    expected = np.abs(values[:, None] - values).mean() / (2 * values.mean())
    assert pareto(spend_of(*values), seed=1, n_bootstraps=10).gini == pytest.approx(expected)


def test_the_curve_is_thinned_but_keeps_both_ends():
    curve = pareto(spend_of(*range(1, 5001)), seed=1, n_bootstraps=2).curve
    assert len(curve) == 101
    assert curve.iloc[0].tolist() == [0, 0] and curve.iloc[-1].tolist() == [1, 1]
