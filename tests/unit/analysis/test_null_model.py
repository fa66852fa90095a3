"""The null model has the margins and correlation of the data, and no gaps."""

import numpy as np
import pytest

from workbench.analysis.clustering.null_model import (
    distance_matrix,
    draw_one_cloud,
    null_reference,
    silhouettes,
    single_peaked,
)


def test_silhouette_is_that_of_scikit_learn():
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(200, 3)), rng.integers(0, 4, 200)
    labels[0] = 4  # a cluster of one
    assert abs(silhouettes(distance_matrix(points), [labels])[0] - silhouette_score(points, labels)) < 1e-12
    codes = rng.integers(0, 3, (200, 4))
    own = silhouettes(distance_matrix(codes, metric="hamming"), [labels])[0]
    assert abs(own - silhouette_score(codes, labels, metric="hamming")) < 1e-12


def test_silhouette_of_two_points_apart_is_perfect_and_of_one_group_is_0():
    points = np.array([[0.0], [0], [9], [9]])
    assert silhouettes(distance_matrix(points), [np.array([0, 0, 1, 1])])[0] == 1
    assert silhouettes(distance_matrix(points), [np.array([0, 1, 0, 1])])[0] < 0
    assert silhouettes(distance_matrix(points), [np.zeros(4, dtype=int)])[0] == 0


def test_cloud_keeps_skew_spikes_and_correlation():
    rng = np.random.default_rng(0)
    common = rng.normal(size=3000)
    spend = np.exp(common + 0.5 * rng.normal(size=3000))
    orders = np.maximum(1, np.round(common + 0.5 * rng.normal(size=3000) + 1))
    points = np.column_stack([spend, orders])
    cloud = draw_one_cloud(points, 3000, seed=1)
    assert np.median(cloud[:, 0]) == pytest.approx(np.median(spend), rel=0.25)
    assert (cloud[:, 1] == 1).mean() == pytest.approx((orders == 1).mean(), abs=0.03)
    assert np.corrcoef(cloud.T)[0, 1] == pytest.approx(np.corrcoef(points.T)[0, 1], abs=0.06)


def test_single_peaked_fills_the_gap_between_two_groups():
    values = np.r_[np.random.default_rng(0).normal(0, 1, 500), np.random.default_rng(1).normal(20, 1, 500)]
    filled = single_peaked(values)
    assert ((values > 5) & (values < 15)).sum() == 0
    assert ((filled > 5) & (filled < 15)).sum() > 100


def test_groups_differ_from_their_reference_and_a_cloud_does_not():
    rng = np.random.default_rng(5)
    cloud = rng.normal(size=(400, 3))
    groups = cloud + 8 * np.eye(3)[rng.integers(0, 3, 400)]
    high = null_reference(groups, [3], n_samples=5)["null_high"].item()
    assert high < 0.5
    own = null_reference(cloud, [3], n_samples=5)
    assert own["null_mean"].item() == pytest.approx(0.2, abs=0.06)
    assert list(own.columns) == ["k", "null_mean", "null_sd", "null_high"]


def test_few_or_equal_values_are_kept_as_they_are():
    assert single_peaked(np.array([3.0, 1, 2])).tolist() == [1, 2, 3]
    assert single_peaked(np.full(100, 7.0)).tolist() == [7] * 100
