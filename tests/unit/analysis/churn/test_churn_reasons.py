"""Reasons add up to the log odds, importance finds what matters, partial effects move with the model."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.churn.models.candidates import CANDIDATES
from workbench.analysis.churn.models.fitting import Recipe, Training, fit_candidate, pinned
from workbench.analysis.churn.models.reasons import _steps, explain_customers, partial_effects, permutation_importance
from workbench.analysis.model_columns import choose_columns, tidy


@pytest.fixture(scope="module")
def customers():
    rng = np.random.default_rng(5)
    n = 600
    recency = rng.integers(1, 56, n).astype(float)
    channel = rng.choice(["store", "web", "app"], n)
    orders = rng.integers(1, 12, n)
    chance = 1 / (1 + np.exp(-(0.09 * (recency - 30) + 1.5 * (channel == "web"))))
    return pd.DataFrame(
        {
            "customer_id": [f"c{at:04}" for at in range(n)],
            "label": (rng.random(n) < chance).astype(int),
            "recency_days": recency,
            "tenure_days": recency + rng.integers(10, 300, n),
            "frequency_orders": orders,
            "spend": np.where(rng.random(n) < 0.1, np.nan, rng.normal(50, 9, n)),
            "channel": channel,
        }
    )


@pytest.fixture(scope="module")
def models(customers):
    columns = choose_columns(customers)
    train = Training(tidy(customers, columns), customers["label"].to_numpy(), columns)
    with pinned():
        return {name: fit_candidate(name, Recipe(columns), train, line=(0.8, 0.1)) for name in CANDIDATES}


def test_contributions_of_a_linear_model_are_exact(models, customers):
    model = models["logistic"]
    result = explain_customers(model, customers.head(5), customers, max_reasons=99)
    background = customers.iloc[:: max(1, -(-len(customers) // 200))]
    inputs = np.asarray(model.pipeline[0].transform(tidy(background, model.columns)))
    base = model.intercept + model.slope * model.pipeline[1:].decision_function(inputs.mean(axis=0)[None, :])[0]
    sums = result.groupby("customer_id")["contribution"].sum() + base
    assert sums.to_numpy() == pytest.approx(model.log_odds(customers.head(5)), abs=0.005)


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_explains_itself_by_features_it_reads(models, customers, name):
    result = explain_customers(models[name], customers.head(20), customers, seed=1)
    assert set(result["feature"]) <= set(models[name].columns.names)
    assert result.groupby("customer_id")["rank"].max().max() <= 3
    assert (result["direction"].eq("raises") == result["contribution"].gt(0)).all()
    repeated = explain_customers(models[name], customers.head(20), customers, seed=1)
    pd.testing.assert_frame_equal(result, repeated)
    if name in ("rule", "baseline"):
        assert set(result["feature"]) == {"recency_days"}


def test_trees_agree_with_the_linear_model_on_what_matters_most(models, customers):
    late = customers.sort_values("recency_days").tail(10)
    for name in ("logistic", "gradient_boosting"):
        result = explain_customers(models[name], late, customers)
        assert (result.loc[result["feature"] == "recency_days", "direction"] == "raises").all()


def test_a_reason_has_the_value_as_text_and_a_missing_one_empty(models, customers):
    one = customers.head(1).assign(spend=np.nan, recency_days=55.0)
    result = explain_customers(models["logistic"], one, customers, max_reasons=9).set_index("feature")["value"]
    assert result["recency_days"] == "55" and result.get("spend", "") == ""
    assert explain_customers(models["logistic"], customers.head(0), customers).empty


def test_importance_finds_the_features_that_matter_and_leaves_the_frame_as_it_is(models, customers):
    before = customers.copy()
    result = permutation_importance(models["gradient_boosting"], customers, customers["label"].to_numpy(), seed=1)
    assert result["feature"].tolist()[:2] == ["recency_days", "channel"]
    assert result["low"].iloc[0] > 0.1
    pd.testing.assert_frame_equal(customers, before)
    alone = permutation_importance(models["baseline"], customers, customers["label"].to_numpy(), seed=1)
    assert alone["feature"].tolist() == ["recency_days"]


def test_partial_effect_rises_with_recency_and_knows_the_words(models, customers):
    result = partial_effects(models["logistic"], customers, ["recency_days", "channel"])
    by = dict(list(result.groupby("feature")))
    assert by["recency_days"]["probability"].is_monotonic_increasing
    assert by["channel"].sort_values("probability")["value"].tolist()[-1] == "web"


def test_a_count_with_few_values_is_looked_at_one_by_one_where_ten_customers_have_it():
    steps = _steps(pd.Series([0.0] * 970 + [1.0] * 15 + [2.0] * 12 + [9.0] * 3), 9)
    assert steps.tolist() == [0, 1, 2]  # the quantiles between .05 and .95 would all be 0
    assert len(_steps(pd.Series(np.arange(1000.0)), 9)) == 9
    assert _steps(pd.Series([], dtype=float), 9).tolist() == []
