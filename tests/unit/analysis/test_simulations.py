"""Simulations that take longer than one waits for: `make test-long` runs them before a release.

What a nominal level promises is counted over many draws: intervals cover, tests stay silent, models return the
parameters they were drawn from.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.clustering.candidates import search, spaces_of
from workbench.analysis.clustering.verdicts import judge
from workbench.analysis.experiments.targeting.heterogeneity import compare_groups
from workbench.analysis.intervals import benjamini_hochberg, bootstrap_interval, compare_shares, wilson
from workbench.analysis.value.models import bg_nbd

pytestmark = pytest.mark.long


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [20, 50, 200, 2000])
def test_wilson_intervals_cover_the_true_share_about_95_times_in_100(share, n):
    successes = np.random.default_rng(1).binomial(n, share, 200_000)
    low, high = wilson(successes, np.full(len(successes), n))
    covered = np.mean((low <= share) & (share <= high))
    assert 0.92 <= covered <= 0.99  # Brown, Cai & DasGupta 2001, figure 5: 0.92 and more, except close to 0 and 1


def test_bootstrap_intervals_cover_the_median_of_a_skewed_distribution():
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(400):
        _, low, high = bootstrap_interval(rng.lognormal(3, 1, 120), np.median, seed=seed)
        covered += low <= np.exp(3) <= high
    assert 0.91 <= covered / 400 <= 0.98


def test_groups_drawn_from_one_base_differ_significantly_in_about_5_draws_of_100():
    rng = np.random.default_rng(3)
    group, rest = rng.binomial(300, 0.3, 20_000), rng.binomial(700, 0.3, 20_000)
    p_values = compare_shares(group, np.full(20_000, 300), group + rest, np.full(20_000, 1000))
    assert 0.04 <= np.mean(p_values < 0.05) <= 0.06


def test_after_correction_one_false_discovery_or_more_in_at_most_5_draws_of_100():
    rng = np.random.default_rng(4)
    false = [np.any(benjamini_hochberg(rng.random(60)) < 0.05) for _ in range(4000)]
    assert 0.04 <= np.mean(false) <= 0.06


def test_the_model_of_purchases_returns_its_parameters_over_many_bases():
    r, alpha, a, b = 0.6, 6.0, 1.0, 3.0
    rng = np.random.default_rng(5)
    estimates = []
    for _ in range(30):
        rate, stop = rng.gamma(r, 1 / alpha, 3000), rng.beta(a, b, 3000)
        x, t_x, alive = np.zeros(3000), np.zeros(3000), np.ones(3000, dtype=bool)
        at = rng.exponential(1 / rate)
        while (alive & (at <= 78)).any():
            buys = alive & (at <= 78)
            x[buys] += 1
            t_x[buys] = at[buys]
            alive = buys & (rng.random(3000) >= stop)
            at = at + rng.exponential(1 / rate)
        estimates.append(bg_nbd.fit(x, t_x, np.full(3000, 78.0)).parameters)
    medians = pd.DataFrame(estimates).median()
    assert medians["r"] == pytest.approx(r, rel=0.05)
    assert medians["alpha"] == pytest.approx(alpha, rel=0.08)
    assert medians["a"] / (medians["a"] + medians["b"]) == pytest.approx(a / (a + b), rel=0.08)


def test_noise_is_never_structure_in_sixty_draws():
    effort = {"n_restarts": 3, "n_bootstraps": 10, "n_splits": 8, "n_samples": 10}
    verdicts = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(400, 4)) if seed % 2 else rng.lognormal(size=(400, 4))
        features = pd.DataFrame(values, columns=list("abcd")).assign(customer_id=[f"c{i:03}" for i in range(400)])
        spaces = spaces_of(features, list("abcd"), log_columns=[])
        found = search(spaces, ["kmeans"], k_max=5, effort=effort, seed=seed)
        verdicts.append(judge(spaces.matrix, found.candidates, found.null).verdict)
    assert "structure" not in verdicts


def test_experiments_without_heterogeneity_claim_it_in_at_most_7_of_100():
    claims = 0
    for seed in range(500):
        draws = np.random.default_rng(seed)
        groups = pd.DataFrame({f"group {at}": draws.integers(0, 2 + at % 4, 4_000).astype(str) for at in range(7)})
        codes = draws.integers(0, 2, 4_000)
        values = (draws.random(4_000) < 0.1 * (1 + 0.2 * codes)).astype(float)
        claims += bool(compare_groups(values, codes, 1, groups)["differs"].any())
    assert claims / 500 <= 0.07


def test_experiments_with_heterogeneity_are_found_in_9_of_10():
    shown = 0
    for seed in range(100):
        draws = np.random.default_rng(seed)
        groups = pd.DataFrame({f"group {at}": draws.integers(0, 2, 20_000).astype(str) for at in range(7)})
        codes = draws.integers(0, 2, 20_000)
        chance = 0.1 * (1 + 0.4 * codes * (groups["group 0"] == "1"))
        values = (draws.random(20_000) < chance).astype(float)
        table = compare_groups(values, codes, 1, groups)
        shown += "group 0" in set(table[table["differs"]]["group"])
    assert shown >= 90
