"""Each method is tried where the features suit it; a costly one is fitted on a sample and places all customers."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.clustering.candidates import search, spaces_of
from workbench.analysis.clustering.methods import METHODS

QUICK = {"n_restarts": 2, "n_bootstraps": 3, "n_splits": 3, "silhouette_sample": 200, "n_samples": 5}
EVERY = tuple(METHODS)


def shoppers(n=240, seed=0):
    """Half are young, online and spend little, half the reverse."""
    rng = np.random.default_rng(seed)
    old = np.arange(n) % 2 == 0
    return pd.DataFrame({
        "customer_id": [f"c{at:04}" for at in range(n)],
        "spend": np.where(old, 100.0, 10.0) + rng.normal(0, 3, n),
        "age": np.where(old, 60.0, 25.0) + rng.normal(0, 2, n),
        "channel": np.where(old, "store", "online"),
        "answer": np.where(old, 5, 1) - (rng.random(n) < 0.1),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "tried", "skipped"),
    [
        (["spend", "age"], {"kmeans", "mixture"}, {"mixed": "no_categories", "classes": "no_levels"}),
        (["channel", "answer"], {"kmeans", "mixture", "mixed", "classes"}, {}),
        (["channel"], {"mixed", "classes"}, {"kmeans": "no_numbers", "mixture": "no_numbers"}),
        (["spend", "answer"], {"kmeans", "mixture", "classes"}, {"mixed": "no_categories"}),
    ],
)
def test_methods_that_the_features_do_not_suit_are_skipped_with_the_reason(columns, tried, skipped):
    result = search(spaces_of(shoppers(120), columns), EVERY, k_max=2, effort=QUICK)
    assert {item.method for item in result.candidates} | set(result.skipped) == set(EVERY)
    assert {name: why for name, why in result.skipped.items() if why != "too_little_data"} == skipped
    assert {item.method for item in result.candidates} <= tried


def test_a_costly_method_is_fitted_on_a_sample_whose_model_places_everybody_whatever_the_row_order():
    features = shoppers()
    columns = ["spend", "age", "channel"]
    result, repeated = (
        search(spaces_of(rows, columns), EVERY, k_max=2, effort=QUICK | {"costly_sample": 200}, seed=3)
        for rows in (features, features.sample(frac=1, random_state=1))
    )
    assert [item.name for item in result.candidates] == ["kmeans k=2", "mixture k=2", "mixed k=2", "classes k=2"]
    assert [item.metrics["customers_fitted"] for item in result.candidates] == [240, 200, 240, 200]
    assert [item.model for item in result.candidates] == [item.model for item in repeated.candidates]
    assert len({tuple(item.metrics) for item in result.candidates}) == 1
    for item in result.candidates:
        matrix = spaces_of(features, columns).matrices[METHODS[item.method].space]
        placed = METHODS[item.method].place(item.model, matrix.to_numpy(dtype=float))
        assert len(placed) == 240 and sorted(np.bincount(placed)) == [120, 120]
