"""Actionability by hand: shares of variance explained, random splits, and variables outside the clustering."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workbench.analysis.clustering.actionability import (
    actionability,
    held_out_separation,
    shares_explained,
    variance_explained,
)


def customers(n, **columns):
    return pd.DataFrame({"customer_id": [f"c{at:03d}" for at in range(n)], **columns})


def segments(labels):
    return customers(len(labels), segment=list(labels))


def test_variance_explained_by_hand():
    values, labels = np.array([1.0, 2, 4, 5]), np.array([0, 0, 1, 1])
    # mean 3, total 4 + 1 + 1 + 4 = 10; segment means 1.5 and 4.5, between them 2 x 1.5^2 + 2 x 1.5^2 = 9
    assert variance_explained(values, labels) == pytest.approx(0.9)
    # labels crosswise: means 2.5 and 3.5, between 4 x 0.5^2 = 1
    assert variance_explained(values, np.array([0, 1, 0, 1])) == pytest.approx(0.1)


def test_variance_explained_is_one_when_perfect_and_nothing_for_one_segment():
    values = np.array([2.0, 2, 7, 7, 7])
    assert variance_explained(values, np.array([0, 0, 1, 1, 1])) == pytest.approx(1)
    assert variance_explained(values, np.zeros(5, int)) == pytest.approx(0)
    assert variance_explained(values, np.array([0, 0, 3, 3, 3])) == pytest.approx(1)  # unused labels between


def test_variance_explained_leaves_out_missing_and_infinite_values():
    values = np.array([1.0, 2, np.nan, np.inf, 4, 5])
    assert variance_explained(values, np.array([0, 0, 1, 0, 1, 1])) == pytest.approx(0.9)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [3.0, 3.0], [3.0]])
def test_variance_explained_is_missing_without_two_different_values(values):
    assert np.isnan(variance_explained(np.array(values), np.zeros(len(values), int)))


def test_shares_explained_take_the_first_outcome_present():
    labels = np.array([0, 0, 1, 1])
    features = customers(4, monetary_total=[1, 2, 4, 5], spend_365d=[1, 1, 3, 3], recency_days=[1, 1, 3, 3])
    assert shares_explained(features, labels) == {
        "value_explained": pytest.approx(0.9),
        "churn_explained": pytest.approx(1),
    }
    without_total = features.drop(columns="monetary_total").assign(churned=[True, False, True, False])
    assert shares_explained(without_total, labels) == {
        "value_explained": pytest.approx(1),
        "churn_explained": pytest.approx(0),
    }


def test_shares_explained_are_missing_without_an_outcome():
    shares = shares_explained(customers(2, age=[1, 2]), np.array([0, 1]))
    assert list(shares) == ["value_explained", "churn_explained"]
    assert np.isnan(list(shares.values())).all()


def test_perfect_segments_explain_all_and_beat_random_splits():
    features = customers(40, monetary_total=[10.0] * 20 + [90.0] * 20)
    table = actionability(features, segments("a" * 20 + "b" * 20), n_random=100, n_bootstraps=50)
    row = table.iloc[0]
    assert len(table) == 1 and (row["outcome"], row["variable"], row["n"]) == ("value", "monetary_total", 40)
    assert row["explained"] == row["low"] == row["high"] == 1
    # a random split in halves explains 1 / (n - 1) on average
    assert row["random_mean"] == pytest.approx(1 / 39, abs=0.015)
    assert row["random_high"] < 0.2
    assert row["beats_random"] and not row["used"]


def test_segments_that_explain_nothing_do_not_beat_random_splits():
    features = customers(40, recency_days=[1.0, 3.0] * 20)
    row = actionability(features, segments("a" * 20 + "b" * 20)).iloc[0]
    assert (row["outcome"], row["variable"], row["explained"]) == ("churn", "recency_days", 0)
    assert not row["beats_random"]


def test_an_outcome_the_segments_are_built_from_is_marked():
    features = customers(40, monetary_total=np.arange(40.0), recency_days=np.arange(40.0)[::-1])
    table = actionability(features, segments("ab" * 20), used=["recency_days"], n_random=5, n_bootstraps=5)
    assert table[["variable", "used"]].to_numpy().tolist() == [["monetary_total", False], ["recency_days", True]]


def test_actionability_repeats_with_its_seed_in_any_order_of_customers():
    features = customers(60, monetary_total=np.random.default_rng(0).normal(size=60))
    assigned = segments("abc" * 20)
    table = actionability(features, assigned, n_random=20, n_bootstraps=20, seed=4)
    shuffled = actionability(features.iloc[::-1], assigned, n_random=20, n_bootstraps=20, seed=4)
    pd.testing.assert_frame_equal(table, shuffled)
    other = actionability(features, assigned, n_random=20, n_bootstraps=20, seed=5)
    assert not table["random_mean"].equals(other["random_mean"])


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (customers(0, monetary_total=[]), ""),
        (customers(40, monetary_total=np.arange(40.0)), "a" * 40),
        (customers(19, monetary_total=np.arange(19.0)), "a" * 10 + "b" * 9),
        (customers(40, age=np.arange(40.0)), "ab" * 20),
    ],
    ids=["nobody", "one segment", "too few customers", "no outcome"],
)
def test_nothing_to_compare_gives_no_rows(features, labels):
    table = actionability(features, segments(labels))
    assert table.empty
    assert list(table) == [
        "outcome", "variable", "n", "explained", "low", "high", "random_mean", "random_high", "beats_random", "used",
    ]  # fmt: skip


def test_perfect_separation_of_a_number_and_a_category():
    features = customers(40, visits=[1.0] * 20 + [5.0] * 20, plan=["basic"] * 20 + ["plus"] * 20)
    table = held_out_separation(features, segments("a" * 20 + "b" * 20), used=[]).set_index("variable")
    assert table.loc["visits", ["kind", "measure", "n", "effect"]].tolist() == ["numeric", "eta_squared", 40, 1]
    assert table.loc["plan", ["kind", "measure", "n", "effect"]].tolist() == ["categorical", "cramers_v", 40, 1]
    assert (table["q_value"] < 1e-8).all()


def test_separation_by_hand():
    # 20 customers each; visits have means 1 and 2 and a spread of 1 in both: eta squared = 10 / (10 + 40) = 0.2
    visits = [0.0, 2.0] * 10 + [1.0, 3.0] * 10
    plan = ["basic"] * 15 + ["plus"] * 5 + ["basic"] * 5 + ["plus"] * 15
    features = customers(40, visits=visits, plan=plan)
    table = held_out_separation(features, segments("a" * 20 + "b" * 20), used=[]).set_index("variable")
    # epsilon squared = 1 - 0.8 x 39 / 38
    assert table.loc["visits", "effect"] == pytest.approx(1 - 0.8 * 39 / 38, abs=1e-6)
    # chi-squared = 4 x 25 / 10 = 10; phi squared = 10 / 40 - 1 / 39; both dimensions 2 - 1 / 39
    assert table.loc["plan", "effect"] == pytest.approx(np.sqrt((0.25 - 1 / 39) / (1 - 1 / 39)), abs=1e-6)
    # F = 0.2 / (0.8 / 38) = 9.5 with 1 and 38 degrees of freedom; the larger p-value keeps its value
    p_values = stats.chi2.sf(10, 1), stats.f.sf(9.5, 1, 38)
    assert table.loc["visits", "q_value"] == pytest.approx(max(p_values), rel=1e-9)
    assert table.loc["plan", "q_value"] == pytest.approx(min(2 * min(p_values), max(p_values)), rel=1e-9)


def test_separation_is_never_negative():
    features = customers(40, visits=[1.0, 3.0] * 20, plan=["basic", "plus"] * 20)
    table = held_out_separation(features, segments("a" * 20 + "b" * 20), used=[])
    assert table["effect"].tolist() == [0, 0]
    assert table["variable"].tolist() == ["plan", "visits"]  # ties by name


def test_separation_skips_used_and_identifying_variables_and_keeps_the_strongest():
    halves = "a" * 20 + "b" * 20
    weak = [1.0, 2.0] * 10 + [1.5, 3.0] * 10
    features = customers(40, strong=[1.0] * 20 + [5.0] * 20, weak=weak, built=weak, email=[f"{x}@x" for x in range(40)])
    table = held_out_separation(features, segments(halves), used=["built"])
    assert table["variable"].tolist() == ["strong", "weak"]
    assert held_out_separation(features, segments(halves), used=["built"], top=1)["variable"].tolist() == ["strong"]


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (customers(0, visits=[]), ""),
        (customers(40, visits=np.arange(40.0)), "a" * 40),
        (customers(40, visits=[2.0] * 40, plan=["basic"] * 40), "ab" * 20),
        (customers(19, visits=np.arange(19.0)), "a" * 10 + "b" * 9),
    ],
    ids=["nobody", "one segment", "constants", "too few customers"],
)
def test_nothing_to_separate_gives_no_rows(features, labels):
    table = held_out_separation(features, segments(labels), used=[])
    assert table.empty
    assert list(table) == ["variable", "kind", "n", "measure", "effect", "q_value"]
