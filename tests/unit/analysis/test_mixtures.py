"""Gaussian clouds: the numbers of scikit-learn, the same for the same customers in any order."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from workbench.analysis.clustering.centres import sorted_rows
from workbench.analysis.clustering.mixtures import FLOOR, MOST_ROUNDS, fit_mixture, log_densities


def customers(features: int) -> np.ndarray:
    rng = np.random.default_rng(features)
    points = rng.lognormal(0, 0.7, (400, features))
    points[:80] = np.round(points[:80], 1)  # values that many share
    return points


@pytest.mark.parametrize(("features", "kind"), [(2, "full"), (3, "full"), (6, "full"), (9, "diag")])
@pytest.mark.parametrize("k", [2, 5, 8])
@pytest.mark.filterwarnings("ignore:Best performing initialization did not converge")
def test_clouds_are_those_of_scikit_learn(features, kind, k):
    points = customers(features)
    settings = {"n_init": 2, "random_state": 7, "reg_covar": FLOOR, "max_iter": MOST_ROUNDS}
    theirs = GaussianMixture(k, covariance_type=kind, **settings).fit(sorted_rows(points))
    ours = fit_mixture(points, k, n_restarts=2, seed=7)
    order = np.argsort(-np.round(theirs.means_.sum(axis=1), 6), kind="stable")
    assert ours["covariance"] == kind
    np.testing.assert_allclose(ours["means"], theirs.means_[order], atol=1e-8)
    np.testing.assert_allclose(ours["weights"], theirs.weights_[order], atol=1e-8)
    np.testing.assert_allclose(ours["precision_cholesky"], theirs.precisions_cholesky_[order], atol=1e-8)


def test_a_shuffle_of_customers_changes_nothing():
    points = customers(3)
    shuffled = np.random.default_rng(1).permutation(points)
    assert fit_mixture(points, 4, n_restarts=2, seed=3) == fit_mixture(shuffled, 4, n_restarts=2, seed=3)


def test_one_start_places_customers_as_scikit_learn_does():
    points = customers(3)
    theirs = GaussianMixture(3, n_init=1, random_state=5, reg_covar=FLOOR).fit(sorted_rows(points))
    order = np.argsort(-theirs.means_.sum(axis=1))
    ours = log_densities(fit_mixture(points, 3, n_restarts=1, seed=5), points).argmax(axis=1)
    assert (order[ours] == theirs.predict(points)).all()
