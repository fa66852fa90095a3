"""Intervals against scipy, limits, and what can be computed from a table with hidden cells."""

import numpy as np
import pytest
from scipy import stats

from workbench.analysis import intervals
from workbench.core.errors import DataError


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (1, 10), (5, 10), (799, 2469), (12, 12)])
def test_wilson_equals_the_published_formula_in_scipy(successes, n):
    low, high = intervals.wilson(successes, n)
    expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert low == pytest.approx(expected.low, abs=1e-12)
    assert high == pytest.approx(expected.high, abs=1e-12)


def test_wilson_of_no_customers_is_missing_and_arrays_are_computed_by_element():
    low, high = intervals.wilson([0, 3], [0, 4])
    assert np.isnan(low[0]) and np.isnan(high[0])
    assert 0 < low[1] < 0.75 < high[1] < 1


def test_more_successes_than_customers_is_refused_with_both_numbers():
    with pytest.raises(DataError, match=r"share: 5 of 4 is not a share\. 0 <= successes <= n\."):
        intervals.wilson([1, 5], [4, 4])


def test_wilson_covers_the_truth_in_95_of_100_samples():
    hits = np.random.default_rng(3).binomial(60, 0.12, 4000)
    low, high = intervals.wilson(hits, 60)
    assert 0.93 < ((low <= 0.12) & (high >= 0.12)).mean() < 0.98


def test_bootstrap_of_a_constant_has_no_width_and_ignores_missing_values():
    assert intervals.bootstrap_interval([4.0, np.nan, 4.0], np.mean, seed=1, n_bootstraps=20) == (4.0, 4.0, 4.0)


def test_bootstrap_gives_the_same_bytes_for_the_same_seed_in_any_row_order():
    values = np.random.default_rng(5).lognormal(size=200)
    first = intervals.bootstrap_interval(values, np.median, seed=9, n_bootstraps=100)
    assert intervals.bootstrap_interval(values[::-1], np.median, seed=9, n_bootstraps=100) == first
    assert intervals.bootstrap_interval(values, np.median, seed=10, n_bootstraps=100) != first


def test_bootstrap_without_or_with_one_value_claims_nothing():
    assert np.isnan(intervals.bootstrap_interval([], np.mean, seed=1)).all()
    estimate, low, high = intervals.bootstrap_interval([2.0], np.mean, seed=1)
    assert estimate == 2.0 and np.isnan([low, high]).all()


def test_bootstrap_width_of_a_mean_is_near_the_normal_one():
    values = np.random.default_rng(0).normal(size=400)
    _, low, high = intervals.bootstrap_interval(values, np.mean, seed=1, n_bootstraps=1000)
    assert high - low == pytest.approx(2 * 1.96 * values.std(ddof=1) / 20, rel=0.1)


def test_tgi_is_100_where_group_and_base_agree_and_undefined_where_the_base_has_none():
    index, low, high = intervals.tgi([20, 5], [100, 10], [0.2, 0.0])
    assert index[0] == pytest.approx(100) and low[0] < 100 < high[0]
    assert np.isnan([index[1], low[1], high[1]]).all()


def test_tgi_of_a_group_without_the_trait_is_0_with_an_upper_limit():
    index, low, high = intervals.tgi(0, 40, 0.25)
    assert index == 0 and low == 0
    assert high == pytest.approx(100 * stats.binomtest(0, 40).proportion_ci(method="wilson").high / 0.25)


def test_comparison_of_shares_equals_the_n_minus_1_chi_squared():
    hit, n, base_hit, base = 30, 90, 70, 300
    table = [[hit, n - hit], [base_hit - hit, base - n - base_hit + hit]]
    chi_squared = stats.chi2_contingency(table, correction=False).statistic * (base - 1) / base
    assert intervals.compare_shares(hit, n, base_hit, base) == pytest.approx(stats.chi2.sf(chi_squared, 1))


def test_comparison_is_undefined_without_a_rest_and_1_where_all_have_the_trait():
    p_values = intervals.compare_shares([5, 5], [10, 5], [5, 10], [10, 10])
    assert np.isnan(p_values[0]) and p_values[1] == 1


def test_a_rest_of_one_customer_can_be_compared():
    assert intervals.compare_shares(9, 9, 9, 10) == pytest.approx(stats.chi2.sf(9.0, 1))


def test_benjamini_hochberg_equals_scipy_and_leaves_missing_tests_out():
    inputs = np.array([0.001, 0.04, np.nan, 0.03, 0.9])
    adjusted = intervals.benjamini_hochberg(inputs)
    known = ~np.isnan(inputs)
    assert adjusted[known] == pytest.approx(stats.false_discovery_control(inputs[known]))
    assert np.isnan(adjusted[2])
    assert intervals.benjamini_hochberg([]).size == 0
