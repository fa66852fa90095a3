"""For whom it works: interactions, uplift, policies; and what noise may not claim."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.experiments.targeting.heterogeneity import choose_groups, compare_groups
from workbench.analysis.experiments.targeting.policies import policy_value, try_policies
from workbench.analysis.experiments.targeting.uplift import cross_fit, qini, qini_curve, rank_by_uplift


def customers(n, effect_of, seed=0):
    """Customers whose chance of .1 is raised by a share that depends on their group."""
    draws = np.random.default_rng(seed)
    groups = pd.DataFrame(
        {"tier": draws.choice(["high", "low"], n), "channel": draws.choice(["app", "store", "web"], n)}
    )
    codes = draws.integers(0, 2, n)
    chance = 0.1 * (1 + codes * groups["tier"].map(effect_of).to_numpy())
    return groups, codes, (draws.random(n) < chance).astype(float)


def test_a_planted_difference_is_found_in_its_group_alone():
    groups, codes, values = customers(20_000, {"high": 0.8, "low": 0.0})
    table = compare_groups(values, codes, 1, groups)
    assert table[table["differs"]]["group"].unique().tolist() == ["tier"]
    effects = table.set_index("level")["effect"]
    assert effects["high"] == pytest.approx(0.08, abs=0.015) and abs(effects["low"]) < 0.015


def test_noise_seldom_claims_a_difference():
    claims = []
    for seed in range(60):
        groups, codes, values = customers(4_000, {"high": 0.2, "low": 0.2}, seed)
        claims.append(compare_groups(values, codes, 1, groups)["differs"].any())
    assert np.mean(claims) <= 0.12  # .05 expected; 500 experiments are drawn in make test-long


def test_small_levels_are_left_out_and_one_level_is_no_group():
    groups, codes, values = customers(1_000, {"high": 0.0, "low": 0.0})
    groups["rare"] = ["x"] * 990 + ["y"] * 10
    assert set(compare_groups(values, codes, 1, groups)["group"]) == {"tier", "channel"}


def test_groups_are_chosen_by_their_levels():
    frame = pd.DataFrame(
        {
            "city": [f"city {at % 40}" for at in range(400)], "gender": ["m", "f"] * 200, "always": ["x"] * 400,
            "spend": np.arange(400.0), "children": [0.0, 1.0, 2.0, np.nan] * 100,
        }
    )  # fmt: skip
    groups = choose_groups(frame)
    assert groups.columns.tolist() == ["gender", "spend", "children"]
    assert groups["spend"].value_counts().tolist() == [100] * 4 and groups["spend"].iloc[0] == "q1"
    assert groups["children"].dropna().unique().tolist() == ["0", "1", "2"]
    assert choose_groups(frame, ["children"]).columns.tolist() == ["children"]


def test_the_curve_by_hand():
    scores, values, treated = np.array([4, 3, 2, 1.0]), np.array([1, 0, 0, 1.0]), np.array([True, False, True, False])
    curve = qini_curve(scores, values, treated, steps=2)
    assert curve["share"].tolist() == [0, 0.5, 1]
    assert curve["gain"].tolist() == [0, 0.5, 0]  # the first half: 1 - 0, times its share; all: .5 - .5
    assert curve["random"].tolist() == [0, 0, 0]


def test_a_true_ranking_beats_a_random_one():
    groups, codes, values = customers(8_000, {"high": 1.5, "low": 0.0}, seed=2)
    truth = (groups["tier"] == "high").to_numpy(float)
    assert (
        qini(truth, values, codes == 1) > 0.01 > abs(qini(np.random.default_rng(0).random(8_000), values, codes == 1))
    )
    features = pd.DataFrame({"tier": truth, "noise": np.random.default_rng(1).normal(size=8_000)})
    ranked = {rank.name: rank for rank in rank_by_uplift(features, values, codes == 1, n_bootstraps=60, seed=1)}
    assert ranked["t_learner"].low > 0 and ranked["s_learner"].low > 0
    assert ranked["random"].low < 0 < ranked["random"].high
    assert ranked["t_learner"].uplift_at[0.3] == pytest.approx(0.15, abs=0.05)


def test_scores_come_from_models_that_have_not_seen_the_customer():
    draws = np.random.default_rng(3)
    features = pd.DataFrame({"id": np.arange(2_000.0)})
    values, treated = draws.integers(0, 2, 2_000).astype(float), draws.integers(0, 2, 2_000) == 1
    uplift, _ = cross_fit(features, values, treated, learner="t_learner", seed=0)
    own = np.where(treated, values, -values)
    assert abs(np.corrcoef(uplift, own)[0, 1]) < 0.1


def test_the_value_of_a_policy_is_the_mean_of_those_who_were_treated_by_it():
    values, treated = np.array([4.0, 2.0, 6.0, 1.0] * 50), np.array([True, False, True, False] * 50)
    everybody = policy_value(values, treated, np.ones(200, bool), share=0.5)
    assert everybody[0] == 5 and everybody[1] < 5 < everybody[2]
    assert policy_value(values, treated, np.zeros(200, bool), share=0.5)[0] == 1.5
    assert np.isnan(policy_value(values, treated, ~treated, share=0.5)[0])


def test_a_good_policy_is_worth_more_than_all_or_none():
    draws = np.random.default_rng(4)
    helps = draws.random(20_000) < 0.5
    treated = draws.random(20_000) < 0.3
    values = draws.normal(0, 1, 20_000) + treated * np.where(helps, 1.0, -1.0)
    table = try_policies({"truth": helps.astype(float)}, values, treated, share=0.3)
    worth = table.set_index(["policy", "share"])["value"]
    assert worth["truth", 0.5] == pytest.approx(0.5, abs=0.06)
    assert worth["truth", 0.5] > worth["all", 1.0] + 0.3 and worth["truth", 0.5] > worth["none", 0.0] + 0.3
