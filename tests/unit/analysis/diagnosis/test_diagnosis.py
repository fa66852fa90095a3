"""Diagnosis: planted causes are found, noise is not, and a planted confounder raises the warning."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workbench.analysis.diagnosis.effects import EFFECT_COLUMNS, UPPER_HALF, compare_outcome
from workbench.analysis.diagnosis.outcome import choose_outcome
from workbench.analysis.diagnosis.tree import NODE_COLUMNS, grow_tree
from workbench.core.errors import DataError

AS_OF = dt.date(2025, 1, 1)


def base(n=1200, seed=1):
    draw = np.random.default_rng(seed)
    tenure = draw.integers(10, 1000, n).astype(float)
    return pd.DataFrame(
        {
            "customer_id": [f"{at:05d}" for at in range(n)],
            "frequency_orders": draw.integers(1, 4, n),
            "monetary_total": 50 + draw.gamma(2, 20, n),
            "tenure_days": tenure,
            "gender": draw.choice(["f", "m"], n),
            "city": draw.choice(list("ABC"), n),
            "campaigns_sent": np.floor(tenure / 100) + draw.integers(0, 2, n),
        }
    )


def row_of(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_the_difference_is_welchs_and_the_adjusted_one_that_within_fifths():
    frame = base()
    frame["monetary_total"] += 30 * (frame["gender"] == "f")
    outcome = choose_outcome(frame, outcome="spend", as_of=AS_OF)
    row = row_of(compare_outcome(frame, outcome), variable="gender", value="f")
    own, rest = (frame.loc[frame["gender"] == item, "monetary_total"] for item in "fm")
    welch = stats.ttest_ind(own, rest, equal_var=False)
    assert row["difference"] == pytest.approx(own.mean() - rest.mean())
    assert (row["low"], row["high"]) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    assert row["p_value"] == pytest.approx(welch.pvalue, abs=1e-12)
    fifths = np.minimum(np.ceil(frame["tenure_days"].rank(pct=True) * 5), 5)
    parts = [frame[fifths == item] for item in range(1, 6)]
    weight = [(part["gender"] == "f").sum() * (part["gender"] == "m").sum() / len(part) for part in parts]
    gaps = [part.groupby("gender")["monetary_total"].mean().pipe(lambda mean: mean["f"] - mean["m"]) for part in parts]
    assert row["adjusted"] == pytest.approx(np.average(gaps, weights=weight))
    assert (row["verdict"], row["control"]) == ("holds", "tenure_days")


def test_a_proxy_of_tenure_is_called_confounded():
    frame = base()
    frame["monetary_total"] = 0.2 * frame["tenure_days"] + np.random.default_rng(2).normal(0, 5, len(frame)) + 100
    table = compare_outcome(frame, choose_outcome(frame, outcome="spend", as_of=AS_OF))
    row = row_of(table, variable="campaigns_sent", value=UPPER_HALF)
    assert row["differs"] and row["kept"] < 0.5 and row["verdict"] == "shrinks" and row["control"] == "tenure_days"


def test_an_effect_that_turns_round_within_fifths_is_called_reversed():
    frame = base(3000)
    long = frame["tenure_days"].rank(pct=True) > 0.6  # the edge of a fifth
    frame["gender"] = np.where(np.random.default_rng(3).random(3000) < np.where(long, 0.9, 0.1), "f", "m")
    frame["monetary_total"] = 100.0 * long - 10 * (frame["gender"] == "f") + 200 + np.arange(3000) % 7
    row = row_of(
        compare_outcome(frame, choose_outcome(frame, outcome="spend", as_of=AS_OF)), variable="gender", value="f"
    )
    assert row["difference"] > 0 > row["adjusted"] and row["verdict"] == "reverses"


def test_noise_differs_in_nothing_and_grows_no_tree():
    frame = base()
    frame["campaigns_sent"] = np.random.default_rng(8).integers(0, 9, len(frame))
    outcome = choose_outcome(frame, outcome="spend", as_of=AS_OF)
    assert not compare_outcome(frame, outcome)["differs"].any()
    tree = grow_tree(frame, outcome, seed=4)
    assert len(tree.nodes) == 1 and tree.nodes["leaf"].all() and tree.explained <= 0.001


def test_a_tree_finds_the_planted_questions_and_measures_leaves_on_the_other_half():
    frame = base(2000)
    frame["campaigns_sent"] = np.random.default_rng(5).integers(0, 10, 2000).astype(float)
    frame.loc[:99, "campaigns_sent"] = np.nan
    chance = np.where(frame["city"] == "A", 0.8, np.where(frame["campaigns_sent"] > 4, 0.5, 0.2))
    frame["frequency_orders"] = 1 + (np.random.default_rng(6).random(2000) < chance)
    outcome = choose_outcome(frame, as_of=AS_OF)
    assert (outcome.name, outcome.kind) == ("repeat", "share")
    tree = grow_tree(frame, outcome, seed=4)
    assert list(tree.nodes.columns) == list(NODE_COLUMNS)
    first = tree.nodes[tree.nodes["parent"] == 0]
    assert first["variable"].tolist() == ["city", "city"] and first["value"].tolist() == ["A", "A"]
    second = tree.nodes[tree.nodes["variable"] == "campaigns_sent"]
    assert second["threshold"].between(4, 5).all() and second["unknown"].sum() == 1
    assert tree.leaves["outcome"].iloc[0] == pytest.approx(0.2, abs=0.07)
    assert tree.leaves["outcome"].iloc[-1] == pytest.approx(0.8, abs=0.07)
    root = tree.nodes.iloc[0]
    assert root["n"] == tree.n_judged == 1000 and tree.leaves["n"].sum() == 1000
    assert ((tree.nodes["low"] <= tree.nodes["outcome"]) & (tree.nodes["outcome"] <= tree.nodes["high"])).all()
    repeated = grow_tree(frame.sample(frac=1, random_state=1), outcome, seed=4)
    pd.testing.assert_frame_equal(tree.nodes, repeated.nodes)


def test_whether_something_is_known_at_all_can_be_the_question():
    frame = base(2000).drop(columns=["campaigns_sent", "city"])
    known = np.arange(2000) % 2 == 0
    frame["nps_score"] = np.where(known, 7.0, np.nan)
    frame["monetary_total"] += 100 * known
    tree = grow_tree(frame, choose_outcome(frame, outcome="spend", as_of=AS_OF), seed=4)
    assert tree.nodes.iloc[1:]["branch"].tolist() == ["known", "unknown"] and not tree.nodes["unknown"].any()


@pytest.mark.parametrize("n", [0, 1, 60])
def test_too_few_customers_grow_no_tree(n):
    frame = base().head(n)
    outcome = choose_outcome(frame, outcome="spend", as_of=AS_OF) if n else None
    if outcome is not None:
        assert grow_tree(frame, outcome, seed=1) is None
        assert list(compare_outcome(frame, outcome).columns) == list(EFFECT_COLUMNS)
    else:
        assert choose_outcome(frame, as_of=AS_OF) is None


def test_a_label_is_the_latest_before_the_date_and_parts_of_an_outcome_do_not_explain_it():
    frame = base(4)
    labels = ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": ["00000", "00000", "00001", "00002"],
                "label": [True, False, True, True],
                "observed_at": pd.to_datetime(["2024-01-01", "2024-06-01", "2024-01-01", "2025-01-01"]),
            }
        )
    )
    outcome = choose_outcome(frame, labels=labels, as_of=AS_OF)
    assert outcome.name == "churn" and outcome.values.to_dict() == {"00000": 0.0, "00001": 1.0}
    assert "monetary_total" in outcome.variables and "monetary_total" in outcome.controls
    spend = choose_outcome(frame, outcome="spend", as_of=AS_OF)
    assert not {"monetary_total", "frequency_orders", "tenure_days"} & set(spend.variables)
    assert spend.controls == ("tenure_days",) and spend.money


def test_spend_and_repeat_are_not_explained_by_what_counts_the_same_orders():
    frame = base(400)
    once = frame["frequency_orders"] == 1
    frame["shopping_mode"] = np.where(once, "store", "mixed")
    frame["channel_entropy"] = np.where(once, 0.0, 1.0)
    frame["gift_order_share"] = np.where(once, 0.0, 0.5)  # three in four have none
    frame.loc[:299, "gift_order_share"] = 0.0
    frame["evening_share"] = np.repeat([0.0, 1.0, 0.4], [100, 140, 160])  # none or all for three in five
    frame["online_order_share"] = np.linspace(0, 1, 400)
    frame["promotion_lift"] = frame["evening_share"] * 6  # a share as a multiple of everybody's
    frame["occasion_top"] = np.where(once, None, "birthday")  # the more orders, the likelier that one fits
    for settings in ("repeat", "spend"):
        outcome = choose_outcome(frame, outcome=settings, as_of=AS_OF)
        assert set(outcome.variables) == {"gender", "city", "campaigns_sent", "online_order_share"}
        left_out = {"channel_entropy", "gift_order_share", "evening_share", "promotion_lift", "occasion_top"}
        assert left_out | {"monetary_total"} <= set(outcome.left_out)
    settings = choose_outcome(frame, outcome="gender", as_of=AS_OF)
    assert "shopping_mode" in settings.variables and settings.left_out == ()


def test_any_variable_of_two_values_or_a_number_can_be_the_outcome_and_others_are_refused():
    frame = base(50)
    assert choose_outcome(frame, outcome="gender", as_of=AS_OF).values.isin([0, 1]).all()
    assert choose_outcome(frame, outcome="campaigns_sent", as_of=AS_OF).kind == "amount"
    with pytest.raises(DataError, match="'city' is a category with 3 values"):
        choose_outcome(frame, outcome="city", as_of=AS_OF)
    with pytest.raises(DataError, match="Did you mean 'spend'"):
        choose_outcome(frame, outcome="spnd", as_of=AS_OF)


def test_contacts_that_follow_spend_do_not_explain_it_and_others_may():
    frame = base()
    follow = frame.assign(campaigns_received=frame["monetary_total"].rank(pct=True).mul(8).round())
    outcome = choose_outcome(follow, outcome="spend", as_of=AS_OF)
    assert "campaigns_received" in outcome.left_out and "campaigns_received" not in outcome.variables
    apart = frame.assign(campaigns_received=np.random.default_rng(5).integers(0, 8, len(frame)))
    assert "campaigns_received" in choose_outcome(apart, outcome="spend", as_of=AS_OF).variables
