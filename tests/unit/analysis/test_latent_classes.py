"""Latent classes: the fit of stepmix (another implementation), and limits with a known answer."""

import numpy as np
import pandas as pd
import pytest
from stepmix.stepmix import StepMix

from workbench.analysis.clustering import latent_classes
from workbench.analysis.clustering.latent_classes import class_scores, encode, fit_classes, named_classes
from workbench.core.errors import DataError

LEVELS = (2, 3, 4, 3, 2)  # levels of each variable


def answers(k, *, missing=0.0, n=1000, seed=3):
    """Draw the answers of n customers in k classes of different sizes; a share of the answers is missing."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(k, n, p=np.arange(k, 0, -1) / np.arange(k + 1).sum())
    columns = []
    for levels in LEVELS:
        probabilities = rng.dirichlet(np.full(levels, 0.3), k)
        columns.append([rng.choice(levels, p=probabilities[at]) for at in classes])
    codes = np.array(columns).T
    return np.where(rng.random(codes.shape) < missing, -1, codes)


def fit_with_stepmix(codes, k):
    """Return shares (k), a (levels, k) table per variable and the mean log-likelihood; largest class first."""
    model = StepMix(
        k, measurement="categorical_nan", n_init=2, max_iter=1_000, abs_tol=1e-10, rel_tol=0.0, random_state=1,
        verbose=0, progress_bar=0,
    )  # fmt: skip
    inputs = np.where(codes < 0, np.nan, codes)
    model.fit(inputs)
    parameters = model.get_parameters()
    order = np.argsort(-parameters["weights"])
    width = max(LEVELS)
    flat = parameters["measurement"]["pis"][order]
    tables = [flat[:, at * width : at * width + levels].T for at, levels in enumerate(LEVELS)]
    return parameters["weights"][order], tables, model.score(inputs)


@pytest.mark.parametrize(("k", "missing"), [(1, 0.0), (2, 0.0), (3, 0.2)])
def test_fit_equals_that_of_stepmix(monkeypatch, k, missing):
    # stepmix does not smooth; both run until the gain in mean log-likelihood is below 1e-10
    monkeypatch.setattr(latent_classes, "SMOOTHING", 0.0)
    monkeypatch.setattr(latent_classes, "TOLERANCE", 1e-10)
    monkeypatch.setattr(latent_classes, "MOST_ROUNDS", 1_000)
    codes = answers(k, missing=missing)
    shares, tables, log_likelihood = fit_with_stepmix(codes, k)
    model = fit_classes(codes, k, n_restarts=5)
    assert model["log_likelihood"] == pytest.approx(log_likelihood, abs=1e-7)
    assert model["weights"] == pytest.approx(shares, abs=1e-4)
    for ours, theirs in zip(model["probabilities"], tables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_smoothing_and_early_stopping_cost_less_than_a_thousandth_of_the_likelihood():
    codes = answers(2)
    _, _, log_likelihood = fit_with_stepmix(codes, 2)
    assert log_likelihood - 1e-3 < fit_classes(codes, 2)["log_likelihood"] < log_likelihood + 1e-9


def test_one_class_has_the_shares_of_the_base():
    # half a pseudo-customer, distributed as in the base, leaves the shares as they are
    model = fit_classes(np.array([[0], [0], [0], [1]]), 1)
    assert model["weights"] == [1.0]
    assert model["probabilities"] == [[[0.75], [0.25]]]
    assert model["log_likelihood"] == pytest.approx(0.75 * np.log(0.75) + 0.25 * np.log(0.25))


def test_two_kinds_without_overlap_are_the_classes():
    codes = np.repeat([[0, 1, 0], [1, 0, 1]], [600, 400], axis=0)
    model = fit_classes(codes, 2)
    assert model["weights"] == pytest.approx([0.6, 0.4], abs=1e-3)
    assert np.round([table[0] for table in model["probabilities"]], 2).tolist() == [[1, 0], [0, 1], [1, 0]]
    assert model["log_likelihood"] == pytest.approx(0.6 * np.log(0.6) + 0.4 * np.log(0.4), abs=5e-3)
    assert class_scores(model, codes).argmax(axis=1).tolist() == [0] * 600 + [1] * 400


def test_order_of_customers_does_not_matter_and_a_seed_repeats():
    codes = answers(3)
    model = fit_classes(codes, 3, n_restarts=3, seed=5)
    assert model == fit_classes(codes[::-1], 3, n_restarts=3, seed=5)


def test_score_of_unknown_and_unseen_levels_is_the_share_of_the_class():
    model = {"weights": [0.75, 0.25], "probabilities": [[[0.5, 1.0], [0.5, 0.0]]]}
    scores = class_scores(model, np.array([[0], [-1], [7]]))
    assert scores[0] == pytest.approx(np.log([0.375, 0.25]))
    assert scores[1].tolist() == scores[2].tolist() == pytest.approx(np.log([0.75, 0.25]))


def test_encoding_by_hand():
    features = pd.DataFrame({
        "customer_id": ["b", "a", "c", "d"],
        "plan": ["plus", "base", None, "plus"],
        "visits": [1.0, 2, np.nan, 2],
        "same": ["x"] * 4,
        "never": [None] * 4,
    })  # fmt: skip
    codes = encode(features, ["plan", "visits", "same", "never"])
    assert codes.matrix.loc[["a", "b", "c", "d"], "plan"].tolist() == [0, 1, -1, 1]
    assert codes.matrix["visits"].tolist() == [1, 0, -1, 1]
    assert codes.levels == {"plan": ["base", "plus"], "visits": ["0", "1"]}
    assert codes.cuts == {"visits": [2.0]}
    assert codes.dropped == {"same": "constant", "never": "all_missing"}
    model = fit_classes(codes.matrix.to_numpy(), 1)
    assert named_classes(model, codes)["variables"]["plan"] == {
        "base": [pytest.approx(1 / 3)],
        "plus": [pytest.approx(2 / 3)],
    }


def test_a_missing_column_is_refused_with_the_nearest():
    with pytest.raises(DataError, match="column 'plam' is missing. Did you mean 'plan'?"):
        encode(pd.DataFrame({"customer_id": ["a"], "plan": ["x"]}), ["plam"])
