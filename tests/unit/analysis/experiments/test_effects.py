"""Effects against published figures and by hand: rates, means, ratios, clusters, adjustment, corrections."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workbench.analysis.experiments.statistics.adjustment import adjust
from workbench.analysis.experiments.statistics.effects import compare, detectable
from workbench.analysis.experiments.statistics.multiple_tests import holm
from workbench.analysis.experiments.statistics.samples import (
    Sample,
    cluster_sample,
    mean_sample,
    ratio_sample,
    samples_by_arm,
)
from workbench.analysis.experiments.statistics.sequential import always_valid, mixture_scale


def rate(events, n):
    return mean_sample(np.array([1.0] * events + [0.0] * (n - events)))


def test_the_interval_of_two_rates_is_newcombes():
    effect = compare(rate(56, 70), rate(48, 80))  # Newcombe 1998, table II, example (a), method 10
    assert (round(effect.effect, 4), round(effect.low, 4), round(effect.high, 4)) == (0.2, 0.0524, 0.3339)
    assert effect.method == "newcombe"


def test_means_are_compared_as_scipy_does():
    draws = np.random.default_rng(0)
    treated, control = draws.normal(1, 2, 60), draws.normal(0, 5, 45)
    effect = compare(mean_sample(treated), mean_sample(control))
    test = stats.ttest_ind(treated, control, equal_var=False)
    interval = test.confidence_interval(0.95)
    assert effect.p_value == pytest.approx(test.pvalue)
    assert (effect.low, effect.high) == pytest.approx((interval.low, interval.high))


def test_a_relative_lift_has_the_interval_of_the_delta_method():
    effect = compare(Sample(100, 12.0, 9.0), Sample(400, 10.0, 16.0))
    error = np.sqrt(9 / 100 / 10**2 + 12**2 * (16 / 400) / 10**4)
    assert effect.relative == pytest.approx(0.2)
    assert effect.relative_high - effect.relative == pytest.approx(1.959964 * error, rel=1e-6)
    assert np.isnan(compare(Sample(100, 1.0, 1.0), Sample(100, 0.0, 1.0)).relative)


def test_the_relative_change_of_a_rate_is_that_of_the_published_trial():
    # heart attacks of 11,034 doctors on placebo and 11,037 on aspirin: risk ratio 1.82, 1.43 to 2.31
    # (Agresti, Categorical Data Analysis, 2nd edition, 3.1.4)
    effect = compare(rate(189, 11_034), rate(104, 11_037))
    low, high = effect.relative_low + 1, effect.relative_high + 1
    assert (round(effect.relative + 1, 2), round(low, 2), round(high, 2)) == (1.82, 1.43, 2.31)
    never = compare(rate(0, 50), rate(25, 50))
    assert never.relative == -1  # a rate of 0 has no logarithm: the delta method


def test_the_detectable_effect_is_seen_in_four_of_five_tests():
    draws = np.random.default_rng(3)
    effect = detectable(np.sqrt(2 / 200))
    seen = [
        compare(mean_sample(draws.normal(effect, 1, 200)), mean_sample(draws.normal(0, 1, 200))).low > 0
        for _ in range(600)
    ]
    assert 0.75 < np.mean(seen) < 0.85


@pytest.mark.parametrize(
    ("treated", "control"), [(rate(0, 50), rate(0, 50)), (Sample(9, 2.0, 0.0), Sample(9, 2.0, 0.0))]
)
def test_equal_constant_arms_have_no_effect(treated, control):
    effect = compare(treated, control)
    assert (effect.effect, effect.p_value) == (0, 1)


def test_an_arm_of_one_customer_has_no_effect():
    effect = compare(Sample(1, 1.0, float("nan")), rate(5, 50))
    assert np.isnan(effect.effect) and effect.method == ""


def test_samples_of_all_arms_equal_those_one_by_one():
    draws = np.random.default_rng(1)
    values, codes = draws.normal(5, 2, 500), draws.integers(0, 3, 500)
    values[::7] = np.nan
    for arm, sample in enumerate(samples_by_arm(values, codes, 3)):
        own = mean_sample(values[codes == arm])
        assert (sample.n, sample.binary) == (own.n, own.binary)
        assert (sample.mean, sample.variance) == pytest.approx((own.mean, own.variance))
    assert samples_by_arm(values, codes, 4)[3].n == 0


def test_the_error_of_a_ratio_is_that_of_its_resamples():
    draws = np.random.default_rng(2)
    orders = draws.poisson(3, 4_000) + 1.0
    spend = orders * draws.gamma(2, 10, 4_000)
    sample = ratio_sample(spend, orders)
    resampled = [
        spend[rows].sum() / orders[rows].sum() for rows in (draws.integers(0, 4_000, 4_000) for _ in range(400))
    ]
    assert sample.mean == pytest.approx(spend.sum() / orders.sum())
    assert sample.error == pytest.approx(np.std(resampled), rel=0.1)


def test_clusters_of_one_are_customers_and_equal_clusters_count_once():
    values = np.random.default_rng(4).normal(0, 1, 300)
    alone = cluster_sample(values, np.arange(300))
    assert (alone.mean, alone.variance) == pytest.approx((values.mean(), values.var(ddof=1)))
    copies = cluster_sample(np.repeat(values, 4), np.repeat(np.arange(300), 4))
    assert (copies.n, copies.error) == (300, pytest.approx(alone.error))


def test_covariates_save_the_square_of_their_correlation():
    draws = np.random.default_rng(5)
    before = draws.normal(0, 1, 40_000)
    values = 0.6 * before + 0.8 * draws.normal(0, 1, 40_000)
    codes = draws.integers(0, 2, 40_000)
    adjusted = adjust(values, np.column_stack([before, np.ones(40_000), 2 * before]), codes)
    assert adjusted.variance_saved == pytest.approx(0.36, abs=0.01)
    raw, cuped = (samples_by_arm(y, codes, 2) for y in (values, adjusted.values))
    assert cuped[1].variance / raw[1].variance == pytest.approx(0.64, abs=0.02)


def test_useless_covariates_change_nothing():
    values, codes = np.array([1.0, 2.0, np.nan, 4.0]), np.array([0, 1, 0, 1])
    assert np.array_equal(adjust(values, np.empty((4, 0)), codes).values, values, equal_nan=True)
    constant = adjust(values, np.full((4, 1), 7.0), codes)
    assert np.array_equal(constant.values, values, equal_nan=True) and constant.variance_saved == 0


def test_holm_against_hand_and_missing_values():
    assert holm([0.01, np.nan, 0.02, 0.03]).tolist()[::2] == pytest.approx([0.03, 0.04])
    assert np.isnan(holm([0.01, np.nan])[1])


def test_looking_always_keeps_the_level_and_the_fixed_interval_does_not():
    draws = np.random.default_rng(6)
    looks, repeats = 2_000, 400
    n = np.arange(1, looks + 1)
    errors = 1 / np.sqrt(n)
    scale = mixture_scale(errors[-1])
    wrong, fixed = 0, 0
    for _ in range(repeats):
        means = np.cumsum(draws.normal(0, 1, looks)) / n
        half = np.array([always_valid(0.0, error, scale=scale)[1] for error in errors])
        wrong += (np.abs(means) > half).any()
        fixed += (np.abs(means[50:]) > 1.96 * errors[50:]).any()
    assert wrong / repeats <= 0.05
    assert fixed / repeats > 0.25


def test_the_mixture_is_tightest_at_its_planned_error():
    def half(scale):
        return always_valid(0.0, 0.1, scale=scale)[1]

    best = mixture_scale(0.1)
    assert half(best) < min(half(best / 2), half(best * 2))
    assert half(best) < 0.1 * 3.1  # about 1.5 times the fixed interval


def test_a_series_is_taken_by_place_whatever_its_index():
    values, codes = np.array([1.0, 0.0, 3.0, 5.0]), np.array([1, 0, 1, 0])
    shuffled = pd.Series(values, index=[9, 7, 0, 3])
    for sample, same in zip(samples_by_arm(shuffled, codes, 2), samples_by_arm(values, codes, 2), strict=True):
        assert (sample.n, sample.mean) == (same.n, same.mean)
