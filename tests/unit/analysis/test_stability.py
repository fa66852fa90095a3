"""Stability: perfect for separate groups, near chance for a round cloud, and the valley between centres."""

import numpy as np
import pytest

from workbench.analysis.clustering.centres import fit_centres
from workbench.analysis.clustering.methods import METHODS
from workbench.analysis.clustering.stability import (
    bootstrap_jaccard,
    jaccard_matrix,
    split_halves,
    time_jaccard,
)
from workbench.analysis.clustering.valleys import valley

KMEANS = METHODS["kmeans"]


def fitted(points, k):
    return KMEANS.fit(points, k, n_restarts=10, seed=0)


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(1)
    return np.vstack([rng.normal(at, 0.3, (100, 2)) for at in (0, 5, 10)])


@pytest.fixture(scope="module")
def cloud():
    return np.random.default_rng(2).normal(size=(1000, 6))


def test_jaccard_of_a_labelling_with_itself_is_1_and_with_its_relabelling_too():
    labels = np.array([0, 0, 1, 2, 2])
    assert np.array_equal(np.diag(jaccard_matrix(labels, labels, 3)), [1, 1, 1])
    assert jaccard_matrix(labels, 2 - labels, 3).max(axis=1).tolist() == [1, 1, 1]


def test_jaccard_by_hand():
    result = jaccard_matrix(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2)
    assert result == pytest.approx(np.array([[2 / 3, 1 / 4], [0, 1 / 2]]))


def test_separate_groups_come_back_perfectly(groups):
    model = fitted(groups, 3)
    assert bootstrap_jaccard(groups, model, KMEANS, n_bootstraps=5).tolist() == [1, 1, 1]
    halves = split_halves(groups, model, KMEANS, n_splits=5)
    assert halves.jaccard.min() == 1 and halves.clusters.tolist() == [1, 1, 1] and halves.prediction_strength == 1
    earlier = np.arange(len(groups)) % 2 == 0
    assert time_jaccard(groups, earlier, model, KMEANS).tolist() == [1, 1, 1]
    assert valley(groups, KMEANS.centres(model)) < 0.05


def test_a_round_cloud_does_not_come_back(cloud):
    halves = split_halves(cloud, fitted(cloud, 2), KMEANS, n_splits=10, seed=4)
    assert halves.jaccard.shape == (10, 2)
    assert halves.jaccard.mean() < 0.65
    assert halves.prediction_strength < 0.8
    assert valley(cloud, fit_centres(cloud, 2)) > 0.8


def test_a_group_that_came_late_is_not_found_among_those_who_came_first(groups):
    result = time_jaccard(groups, np.arange(300) < 200, fitted(groups, 3), KMEANS)
    assert result.min() < 0.6
    assert np.isnan(time_jaccard(groups, np.arange(300) < 4, fitted(groups, 3), KMEANS)).all()


def test_one_group_cut_in_two_has_no_valley_though_the_others_have_one(groups):
    assert valley(groups, fit_centres(groups, 4)) > 0.7


def test_single_peaked_skewed_density_has_no_valley():
    values = np.random.default_rng(0).exponential(size=(4000, 1))
    for k in (2, 3, 4):
        assert valley(values, fit_centres(values, k)) > 0.9


def test_same_seed_same_bytes_and_row_order_does_not_matter(cloud):
    model = fitted(cloud[:300], 3)
    one = split_halves(cloud[:300], model, KMEANS, n_splits=3, seed=9).jaccard
    assert one.tobytes() == split_halves(cloud[:300][::-1], model, KMEANS, n_splits=3, seed=9).jaccard.tobytes()
    assert one.tobytes() != split_halves(cloud[:300], model, KMEANS, n_splits=3, seed=8).jaccard.tobytes()
