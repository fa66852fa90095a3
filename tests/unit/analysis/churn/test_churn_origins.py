"""Rolling origins: every cut-off is tested on a model of earlier ones, households are kept apart on request."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.churn.models import origins as rolling
from workbench.analysis.churn.models.fitting import Recipe, pinned
from workbench.analysis.churn.models.origins import auc_apart, judge_origins
from workbench.analysis.model_columns import ModelColumns

RECIPE = Recipe(ModelColumns(("recency_days",), ()), seed=1)


def rows(seed, n=200):
    """Customers of whom the longer absent leave more often."""
    rng = np.random.default_rng(seed)
    recency = rng.integers(1, 60, n).astype(float)
    left = (rng.random(n) < 1 / (1 + np.exp(-(recency - 30) / 8))).astype(int)
    return pd.DataFrame({"recency_days": recency}), left


@pytest.fixture(scope="module")
def rolled():
    frame, labels = rows(1, 300)
    when = np.repeat(["2024-01-01", "2024-02-01", "2024-03-01"], 100)
    later = {name: (day, rows(seed), np.linspace(0, 1, 200)) for name, day, seed in
             (("calibrate", "2024-04-01", 2), ("test", "2024-05-01", 3))}  # fmt: skip
    with pinned():
        return judge_origins("logistic", RECIPE, (frame, labels), when, later, settings={"C": 1.0}), labels, later


def test_each_cut_off_has_its_row_in_time_order_and_the_first_has_no_auc(rolled):
    table, labels, _ = rolled
    assert table["role"].tolist() == ["train", "train", "train", "calibrate", "test"]
    assert table["cut_off"].tolist() == ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"]
    assert table["customers"].tolist() == [100, 100, 100, 200, 200]
    assert table["positives"].tolist()[:3] == [int(labels[at : at + 100].sum()) for at in (0, 100, 200)]
    assert table["auc"].isna().tolist() == [True, False, False, False, False]


def test_one_feature_ranks_as_it_does_alone(rolled):
    table = rolled[0].iloc[1:3]  # a curve on recency alone keeps the order of recency
    assert table["auc"].to_numpy() == pytest.approx(table["recency_auc"].to_numpy())
    assert (table["auc_low"] < table["auc"]).all() and (table["auc"] < table["auc_high"]).all()


def test_the_scores_of_later_cut_offs_are_those_given(rolled):
    table, _, later = rolled
    assert table.set_index("role").loc["test", "auc"] == pytest.approx(
        rolling.auc(later["test"][1][1], np.linspace(0, 1, 200)), abs=1e-6
    )


def test_a_feature_that_only_remembers_the_customer_is_worth_nothing_for_customers_apart():
    rng = np.random.default_rng(4)
    names = pd.Series([f"c{at:03}" for at in range(300)])
    label = rng.integers(0, 2, 300)
    mark = pd.DataFrame({"recency_days": rng.permutation(300).astype(float)})  # says nothing, but is the customer's own
    tree = {"name": "tree", "settings": {"max_depth": 5}}
    with pinned():
        apart = auc_apart(tree["name"], RECIPE, (mark, label), (mark, label), (names, names), settings=tree["settings"])
    assert 0.35 < apart < 0.6


def test_no_member_of_a_tested_household_is_in_training(monkeypatch):
    seen = []
    real = rolling._training

    def learned(recipe, train, asked):
        seen.append(set(train[0]["home"][asked]))
        return real(recipe, train, asked)

    monkeypatch.setattr(rolling, "_training", learned)
    frame, labels = rows(5)
    home = pd.Series([f"h{at // 2}" for at in range(200)])
    frame = frame.assign(home=home)
    held = []
    monkeypatch.setattr(
        rolling, "Held", lambda train, part, said: held.append(set(part["home"])) or real_held(train, part, said)
    )
    with pinned():
        auc_apart("logistic", RECIPE, (frame, labels), (frame, labels), (home, home), settings={"C": 1.0})
    assert len(seen) == 3
    assert [train & test for train, test in zip(seen, held, strict=True)] == [set()] * 3
    assert set.union(*held) == set(home)


real_held = rolling.Held


def test_a_part_without_both_outcomes_gives_no_auc():
    frame, _ = rows(6, 20)
    names = pd.Series([f"c{at}" for at in range(20)])
    labels = np.r_[1, np.zeros(19, int)]
    with pinned():
        result = auc_apart("logistic", RECIPE, (frame, labels), (frame, labels), (names, names), settings={"C": 1.0})
    assert np.isnan(result)
