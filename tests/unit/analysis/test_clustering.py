"""Verdicts: true groups are found, and none where there are none."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.clustering.candidates import search, spaces_of
from workbench.analysis.clustering.null_model import null_reference
from workbench.analysis.clustering.sweep import candidates_table, numbers_of_groups, sweep
from workbench.analysis.clustering.transforms import prepare
from workbench.analysis.clustering.verdicts import judge
from workbench.core.errors import ProfileError


def verdict_of(values, *, k_max=6, log_columns=(), seed=3):
    features = pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])])
    columns = list(features.columns)
    features["customer_id"] = [f"c{i:05}" for i in range(len(values))]
    matrix, _ = prepare(features, columns, log_columns=log_columns)
    ks = numbers_of_groups(matrix, k_max=k_max)
    result = sweep(matrix, ks, n_restarts=5, n_bootstraps=3, n_splits=6, seed=seed)
    null = null_reference(matrix.to_numpy(), ks, n_samples=6, seed=seed) if ks else None
    return judge(matrix, result, null), result, null


def blobs(k, n, p, seed):
    """Round groups at least 7 standard deviations apart."""
    rng = np.random.default_rng(seed)
    while True:
        centres = rng.uniform(-12, 12, (k, p))
        apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) + 99 * np.eye(k)
        if apart.min() > 7:
            return centres[rng.integers(0, k, n)] + rng.normal(size=(n, p))


@pytest.mark.parametrize(("k", "p", "seed"), [(3, 3, 0), (4, 3, 1), (5, 4, 2), (4, 6, 3), (5, 6, 4)])
def test_well_separated_groups_are_structure_with_the_true_number(k, p, seed):
    verdict, _, _ = verdict_of(blobs(k, 500, p, seed), seed=seed)
    assert (verdict.verdict, verdict.k) == ("structure", k)
    assert verdict.values["min_jaccard"] >= 0.75
    assert verdict.reason == "separate_and_stable"
    assert np.array(verdict.candidate.model["centers"]).shape == (k, p)


@pytest.mark.parametrize(("n", "seed"), [(1_000, 1), (1_000, 2), (3_000, 3)])
def test_five_plain_clouds_in_eight_features_are_found(n, seed):
    verdict, _, _ = verdict_of(blobs(5, n, 8, seed), k_max=7)
    assert (verdict.verdict, verdict.k) == ("structure", 5)


def test_small_clouds_of_unequal_width_are_separate_though_the_gap_is_not_half_way():
    rng = np.random.default_rng(5)  # income and score of 200 members, as they stand in textbooks
    clouds = [((26, 21), 23, (7, 13)), ((26, 79), 22, (7, 10)), ((55, 50), 81, (9, 6)), ((87, 18), 35, (16, 10)),
              ((87, 82), 39, (16, 9))]  # fmt: skip
    values = np.concatenate([rng.normal(centre, spread, (n, 2)) for centre, n, spread in clouds])
    verdict, result, _ = verdict_of(values)
    assert (verdict.verdict, verdict.k) == ("structure", 5)
    assert verdict.values["valley"] < 0.5


def test_groups_that_differ_in_one_feature_only_are_found_among_noise():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(500, 3))
    values[:, 0] += 8 * rng.integers(0, 3, 500)
    verdict, _, _ = verdict_of(values, k_max=4)
    assert (verdict.verdict, verdict.k) == ("structure", 3)


@pytest.mark.parametrize("seed", [0, 1])
def test_correlated_log_normal_spending_is_a_continuum(seed):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(1500, 1))
    values = np.exp(0.8 * common + 0.6 * rng.normal(size=(1500, 4)))
    for log_columns in (None, ["x0", "x1", "x2", "x3"]):
        verdict, _, _ = verdict_of(values, log_columns=log_columns, seed=seed, k_max=4)
        assert verdict.verdict == "continuum"
        assert verdict.k >= 2


@pytest.mark.parametrize("shape", ["gauss", "uniform"])
def test_a_round_gaussian_and_uniform_noise_are_no_structure(shape):
    rng = np.random.default_rng(8)
    values = rng.normal(size=(3000, 6)) if shape == "gauss" else rng.uniform(size=(3000, 6))
    verdict, _, _ = verdict_of(values, k_max=5)
    assert (verdict.verdict, verdict.k, verdict.reason) == ("no_structure", 1, "unstable")
    assert verdict.values["min_jaccard"] < 0.75
    assert verdict.candidate is None


def test_a_requested_number_of_groups_is_used_without_support_and_the_verdict_says_so():
    values = np.random.default_rng(8).normal(size=(400, 4))
    features = pd.DataFrame(values, columns=list("abcd")).assign(customer_id=[f"c{i:03}" for i in range(400)])
    spaces = spaces_of(features, list("abcd"), log_columns=[])
    effort = {"n_restarts": 3, "n_bootstraps": 10, "n_splits": 5, "n_samples": 3}
    result = search(spaces, ["kmeans"], k=4, k_min=2, k_max=3, effort=effort, seed=1)
    assert [candidate.k for candidate in result.candidates] == [4]
    unasked = judge(spaces.matrix, result.candidates, result.null)
    assert (unasked.verdict, unasked.k, unasked.candidate) == ("no_structure", 1, None)
    verdict = judge(spaces.matrix, result.candidates, result.null, k=4)
    assert (verdict.verdict, verdict.k, verdict.reason) == ("no_structure", 4, "requested")
    assert verdict.candidate is result.candidates[0]


def test_order_counts_and_spend_as_shops_have_them_are_never_structure():
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.9, 2.0, 1500)
    orders = 1 + rng.poisson(rate)
    spend = orders * np.exp(rng.normal(3, 0.8, 1500))
    recency = np.ceil(rng.exponential(200 / orders)).clip(1, 365)
    verdict, _, _ = verdict_of(np.column_stack([recency, orders, spend]), log_columns=["x0", "x1", "x2"])
    assert verdict.verdict != "structure"


def test_every_candidate_has_the_same_metrics_and_row_order_does_not_matter():
    values = blobs(3, 200, 2, 5)
    _, first, null = verdict_of(values, k_max=4)
    _, second, _ = verdict_of(values[::-1], k_max=4)
    assert len({tuple(item.metrics) for item in first}) == 1
    table = candidates_table(first, null)
    assert table["k"].tolist() == [2, 3, 4]
    assert {"silhouette", "min_jaccard", "null_high", "davies_bouldin"} <= set(table.columns)
    pd.testing.assert_frame_equal(candidates_table(first), candidates_table(second))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.random.default_rng(0).normal(size=(40, 2)), "few_customers"),
        (np.zeros((0, 2)), "no_features"),
        (np.ones((1, 2)), "no_features"),
        (np.ones((500, 2)), "no_features"),
        (np.repeat([[0.0, 1], [2, 3], [4, 9]], 100, axis=0), "few_distinct"),
    ],
)
def test_too_little_data_is_a_verdict_and_no_crash(values, reason):
    verdict, result, _ = verdict_of(values)
    assert (verdict.verdict, verdict.k, verdict.reason, result) == ("too_little_data", 1, reason, [])


def test_a_k_needs_ten_customers_per_group():
    matrix = pd.DataFrame({"a": np.arange(120.0)})
    assert numbers_of_groups(matrix, k_min=8, k_max=20) == [8, 9, 10, 11, 12]


def test_bounds_out_of_order_are_refused():
    with pytest.raises(ProfileError, match=r"k_min is 5 and k_max is 4; expected 2 <= k_min <= k_max"):
        numbers_of_groups(pd.DataFrame({"a": np.arange(120.0)}), k_min=5, k_max=4)
