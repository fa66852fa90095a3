"""Portraits of groups: hand-computed TGI, suppression that subtraction cannot undo, and true facts."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.portraits.blocks import BLOCKS, block_of
from workbench.analysis.portraits.crosses import cross_tags
from workbench.analysis.portraits.facts import emblem_traits, most_distinctive_facts
from workbench.analysis.portraits.groups import PORTRAIT_COLUMNS, group_sizes, mark_members, portray_groups
from workbench.analysis.portraits.purchases import Buyers
from workbench.core.errors import DataError


def base(sizes, seed=3):
    draw = np.random.default_rng(seed)
    group = np.repeat(list(sizes), list(sizes.values()))
    n = len(group)
    features = pd.DataFrame(
        {
            "customer_id": [f"{at:04d}" for at in range(n)],
            "gender": draw.choice(["f", "m"], n),
            "city": draw.choice(["A", "B", "C", "D"], n, p=[0.7, 0.2, 0.07, 0.03]),
            "monetary_total": draw.lognormal(3, 1, n) + 40 * (group == "a"),
        }
    )
    return features, pd.DataFrame({"customer_id": features["customer_id"], "group": group})


def test_tgi_is_100_times_share_over_base_share_and_leaves_the_unknown_out():
    features, groups = base({"a": 40, "b": 60})
    features["gender"] = ["f"] * 20 + ["m"] * 10 + [None] * 10 + ["f"] * 15 + ["m"] * 45
    table = portray_groups(features, groups, columns=["gender"])
    row = table[(table["group"] == "a") & (table["value"] == "f")].iloc[0]
    assert (row["n"], row["base_n"]) == (30, 90)
    assert row["share"] == pytest.approx(20 / 30)
    assert row["base_share"] == pytest.approx(35 / 90)
    assert row["tgi"] == pytest.approx(100 * (20 / 30) / (35 / 90))
    assert row["tgi_low"] < row["tgi"] < row["tgi_high"]
    assert list(table.columns) == list(PORTRAIT_COLUMNS)


def test_members_are_compared_with_everybody_and_strangers_are_refused():
    features, _ = base({"a": 50, "b": 50})
    groups = mark_members(features, features["customer_id"].head(30))
    assert groups["group"].value_counts().to_dict() == {"rest": 70, "members": 30}
    table = portray_groups(features, groups, columns=["monetary_total"])
    row = table[table["group"] == "members"].iloc[0]
    assert row["median"] == pytest.approx(features["monetary_total"].head(30).median())
    assert row["base_median"] == pytest.approx(features["monetary_total"].median())
    with pytest.raises(DataError, match="1 members are not customers of this base, such as 'x'"):
        mark_members(features, ["x"])


def test_a_customer_may_have_bought_several_categories():
    features, groups = base({"a": 40, "b": 60})
    counts = pd.DataFrame({"bread": [40, 30], "wine": [20, 12]}, index=["a", "b"])
    buyers = Buyers("category", counts, pd.Series({"a": 40, "b": 60}))
    table = portray_groups(features, groups, columns=[], buyers=[buyers])
    row = table[(table["group"] == "a") & (table["value"] == "wine")].iloc[0]
    assert row["tgi"] == pytest.approx(100 * (20 / 40) / (32 / 100))
    assert row["block"] == "preference"


@pytest.mark.parametrize("seed", range(8))
def test_no_suppressed_cell_can_be_worked_out_from_rows_columns_and_base(seed):
    """Whoever reads the table sets up every sum it shows; no suppressed count may follow from them."""
    draw = np.random.default_rng(seed)
    features, groups = base({"a": 90, "b": 45, "c": int(draw.integers(2, 25))}, seed)
    table = portray_groups(features, groups, columns=["city"])
    cells = table.set_index(["group", "value"])
    truth = pd.crosstab(groups["group"], features["city"])
    names = [(group, value) for group in truth.index for value in truth.columns]
    hidden = [at for at, cell in enumerate(names) if cells.loc[cell, "suppressed"]]
    for at in range(len(names)):
        shown = cells.loc[names[at], "share"] * float(cells.loc[names[at], "n"]) if at not in hidden else None
        if shown is not None:
            assert round(shown) == truth.loc[names[at]] and not 0 < round(shown) < 10
    equations = [[float(name[0] == group) for name in names] for group in truth.index
                 if cells.loc[group, "n"].notna().any()]  # fmt: skip
    equations += [[float(name[1] == value) for name in names] for value in truth.columns
                  if cells.xs(value, level="value")["base_share"].notna().any()]  # fmt: skip
    equations.append([1.0] * len(names))
    unknown = np.array(equations)[:, hidden]
    for place in range(len(hidden)):
        unit = np.eye(len(hidden))[place]
        solved = np.linalg.lstsq(unknown.T, unit, rcond=None)[0]
        assert not np.allclose(unknown.T @ solved, unit), names[hidden[place]]


def test_a_small_group_shows_neither_its_size_nor_that_of_its_cover():
    features, groups = base({"a": 60, "b": 30, "c": 4})
    sizes = group_sizes(features, groups).set_index("group")
    assert sizes["suppressed"].to_dict() == {"a": False, "b": True, "c": True}
    assert sizes["n"].isna().to_dict() == {"a": False, "b": True, "c": True}
    table = portray_groups(features, groups)
    assert table.loc[table["group"].isin(["b", "c"]), "n"].isna().all()


def test_value_share_is_of_net_spend_and_hidden_where_one_customer_is_nearly_all_of_it():
    features, groups = base({"a": 20, "b": 20, "c": 20})
    features["monetary_total"] = [1.0] * 20 + [3.0] * 20 + [100.0] + [0.5] * 19
    sizes = group_sizes(features, groups).set_index("group")
    assert sizes["dominated"].to_dict() == {"a": False, "b": False, "c": True}
    assert sizes.loc["b", "value_share"] == pytest.approx(60 / 189.5)
    assert np.isnan(sizes.loc["a", "value_share"])  # else the hidden one follows by subtraction
    assert group_sizes(features.drop(columns="monetary_total"), groups)["value_share"].isna().all()


def test_no_customers_and_one_group_give_a_table_and_no_difference():
    features, groups = base({"a": 30})
    assert not portray_groups(features, groups)["differs"].any()
    nothing = portray_groups(features.head(0), groups.head(0))
    assert nothing.empty and list(nothing.columns) == list(PORTRAIT_COLUMNS)
    assert group_sizes(features.head(0), groups.head(0)).empty


def test_row_order_does_not_change_a_digit():
    features, groups = base({"a": 60, "b": 40})
    mixed = portray_groups(features.sample(frac=1, random_state=1), groups.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(portray_groups(features, groups), mixed, check_exact=True)


def test_a_cross_counts_cells_and_suppresses_the_small():
    features, _ = base({"a": 100})
    features["gender"], features["city"] = ["f"] * 50 + ["m"] * 50, (["A"] * 30 + ["B"] * 20) * 2
    table = cross_tags(features, "gender", "city")
    row = table[(table["first_value"] == "f") & (table["second_value"] == "A")].iloc[0]
    assert (row["cell"], row["n"]) == (30, 50) and row["tgi"] == pytest.approx(100)
    features["city"] = ["A"] * 46 + ["B"] * 4 + ["A"] * 25 + ["B"] * 25
    assert cross_tags(features, "gender", "city")["suppressed"].all()
    with pytest.raises(DataError, match="'city' crossed with itself"):
        cross_tags(features, "city", "city")


def test_facts_hold_after_adjustment_and_prefer_what_is_overrepresented_and_new():
    features, groups = base({"a": 200, "b": 300})
    inside = (groups["group"] == "a").to_numpy()
    draw = np.random.default_rng(5)
    features["gender"] = np.where(inside & (draw.random(500) < 0.8), "f", features["gender"])
    features["hair"] = draw.choice(["x", "y"], 500)
    portrait = portray_groups(features, groups)
    facts = most_distinctive_facts(portrait, "a", defining_variables=["monetary_total"])
    assert facts["variable"].tolist() == ["gender", "monetary_total"]
    assert facts.iloc[0]["value"] == "f" and facts.iloc[0]["tgi"] > 100
    assert most_distinctive_facts(portrait, "nobody").empty
    traits = emblem_traits(portrait, "a")
    assert traits["variable"].tolist() == ["monetary_total"] and traits["effect"].iloc[0] > 0


def test_recent_customers_have_the_longer_petal():
    features, groups = base({"a": 50, "b": 50})
    features["recency_days"] = np.where(groups["group"] == "a", 5.0, 50.0) + np.arange(100) / 100
    assert emblem_traits(portray_groups(features, groups), "a").set_index("variable").loc["recency_days", "effect"] > 0


def test_every_variable_has_a_block():
    names = ("gender", "city_tier", "source_l2", "frequency_orders", "rfm_type", "life_cycle_stage", "category_top",
             "channel_top", "weekend_share", "gap_days_median", "sessions_30d", "complaints", "nps_score", "anything")  # fmt: skip
    assert [block_of(name) for name in names] == list(BLOCKS)
