"""Scores by rank, ties that stay together, and eight types that cover all customers."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from workbench.analysis.rfm import scores as rfm
from workbench.core.errors import DataError, ProfileError
from workbench.core.stages import TABLES


def features_of(recency, orders, money, **more):
    ids = [f"{at:03d}" for at in range(len(recency))]
    return pd.DataFrame(
        {"customer_id": ids, "recency_days": recency, "frequency_orders": orders, "monetary_total": money, **more}
    ).astype({"recency_days": "float64", "monetary_total": "float64"})


def ten():
    return features_of(range(10, 110, 10), range(10, 0, -1), np.arange(1000.0, 0, -100))


def random_features(n=500, seed=4):
    draw = np.random.default_rng(seed)
    orders = draw.negative_binomial(1, 0.3, n)
    recency = np.where(orders > 0, draw.integers(1, 700, n), np.nan)
    money = np.where(orders > 0, (draw.lognormal(4, 1, n) * orders - 60).round(2), np.nan)
    tenure = recency + orders * 20
    return features_of(recency, orders, money, tenure_days=tenure)


def test_ten_different_customers_get_two_of_each_score_and_5_is_best():
    scores = rfm.score_rfm(ten()).scores
    for name in ("r_score", "f_score", "m_score"):
        assert scores[name].tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]


def test_seven_customers_are_cut_where_a_fifth_of_them_is_reached():
    scores = rfm.score_rfm(features_of(range(7), range(1, 8), range(1, 8))).scores
    assert scores["f_score"].tolist() == [1, 1, 2, 3, 3, 4, 5]


@pytest.mark.parametrize(("tie_rule", "expected"), [("lowest", 1), ("middle", 2), ("highest", 3)])
def test_equal_values_get_the_score_of_the_declared_rank(tie_rule, expected):
    tied = features_of(range(10), [1] * 6 + [2, 3, 4, 5], np.arange(1.0, 11))
    result = rfm.score_rfm(tied, tie_rule=tie_rule)
    assert result.scores["f_score"].tolist() == [expected] * 6 + [4, 4, 5, 5]
    assert {"note": "fewer_scores", "measure": "frequency_orders", "asked": 5, "given": 3} in result.notes


@given(st.lists(st.integers(1, 6), min_size=1, max_size=60), st.sampled_from(sorted(rfm.TIE_RULES)), st.integers(2, 7))
@settings(max_examples=60, deadline=None)
def test_scores_never_part_equals_never_invert_and_stay_in_range(orders, tie_rule, bins):
    scores = rfm.score_rfm(features_of([5] * len(orders), orders, orders), tie_rule=tie_rule, bins=bins).scores
    by_value = scores.groupby("frequency_orders")["f_score"].agg(["min", "max"])
    assert (by_value["min"] == by_value["max"]).all()
    assert by_value["min"].is_monotonic_increasing
    assert scores["f_score"].between(1, bins).all()
    worse = (scores["frequency_orders"].rank(method="min") - 1) * bins
    assert tie_rule != "lowest" or (worse >= (scores["f_score"] - 1) * len(orders)).all()


def test_all_equal_gives_one_score_and_a_note():
    result = rfm.score_rfm(features_of([30] * 8, [2] * 8, [50] * 8))
    assert result.scores[["r_score", "f_score", "m_score"]].to_numpy().tolist() == [[1, 1, 1]] * 8
    assert [note["given"] for note in result.notes] == [1, 1, 1]
    assert result.cuts["customers"].tolist() == [8, 8, 8]


def test_cut_table_holds_the_range_of_each_score_and_all_customers():
    cuts = rfm.score_rfm(ten()).cuts
    money = cuts[cuts["measure"] == "monetary_total"]
    assert money[["score", "lowest", "highest", "customers"]].to_numpy().tolist() == [
        [1, 100, 200, 2], [2, 300, 400, 2], [3, 500, 600, 2], [4, 700, 800, 2], [5, 900, 1000, 2],
    ]  # fmt: skip
    assert cuts.groupby("measure")["share"].sum().tolist() == pytest.approx([1, 1, 1])


def test_customers_without_a_purchase_have_no_scores_and_do_not_move_the_others():
    never = features_of([np.nan, 5], [0, 0], [np.nan, 12])
    never["customer_id"] = ["x", "y"]
    result = rfm.score_rfm(pd.concat([ten(), never], ignore_index=True))
    assert result.scores["r_score"].tolist()[:10] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert result.scores.loc[10:, ["r_score", "f_score", "m_score"]].isna().all(axis=None)
    assert {"note": "no_purchase", "customers": 2} in result.notes
    assert rfm.name_types(result.scores).tolist()[10:] == ["no_purchase"] * 2


def test_money_at_or_below_zero_scores_1_and_is_never_high():
    result = rfm.score_rfm(features_of([1, 2, 3, 4], [4, 3, 2, 1], [-90, -50, 0, -70]))
    assert result.scores["m_score"].tolist() == [1, 1, 1, 1]
    assert {"note": "not_positive", "customers": 4} in result.notes
    for cut in ("median", "mean", "mean_score", "score"):
        assert rfm.name_types(result.scores, cut=cut).str.startswith("general_").all()


@pytest.mark.parametrize("cut", ["median", "mean", "mean_score", "score"])
def test_none_or_one_customer_works(cut):
    for n in (0, 1):
        result = rfm.score_rfm(ten().head(n))
        assert rfm.name_types(result.scores, cut=cut).tolist() == ["general_winback"] * n
    assert len(result.cuts) == 3


def test_row_order_does_not_matter_and_the_input_stays_as_it_was():
    features = random_features()
    before = features.copy()
    first = rfm.score_rfm(features)
    second = rfm.score_rfm(features.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(first.scores, second.scores)
    pd.testing.assert_frame_equal(first.cuts, second.cuts)
    pd.testing.assert_frame_equal(features, before)


def test_every_one_of_the_125_cells_has_one_type_and_every_type_has_a_cell():
    cells = pd.DataFrame(itertools.product(range(1, 6), repeat=3), columns=["r_score", "f_score", "m_score"])
    cells = cells.assign(recency_days=1.0, frequency_orders=1, monetary_total=1.0)
    named = rfm.name_types(cells, cut="score")
    assert set(named) == set(rfm.RFM_TYPES) and named.notna().all()
    high = cells[["r_score", "f_score", "m_score"]] > 3
    # the table of the field: recency, frequency, money
    assert set(named[high.all(axis=1)]) == {"important_value"}
    assert set(named[high["r_score"] & ~high["f_score"] & high["m_score"]]) == {"important_development"}
    assert set(named[~high["r_score"] & high["f_score"] & high["m_score"]]) == {"important_retention"}
    assert set(named[~high["r_score"] & ~high["f_score"] & high["m_score"]]) == {"important_winback"}
    assert set(named[high["r_score"] & high["f_score"] & ~high["m_score"]]) == {"general_value"}
    assert set(named[high["r_score"] & ~high["f_score"] & ~high["m_score"]]) == {"general_development"}
    assert set(named[~high["r_score"] & high["f_score"] & ~high["m_score"]]) == {"general_retention"}
    assert set(named[~high.any(axis=1)]) == {"general_winback"}


@pytest.mark.parametrize("cut", ["median", "mean", "mean_score", "score", {
    "recency_days": 90, "frequency_orders": 2, "monetary_total": 100,
}])  # fmt: skip
def test_types_are_a_partition_whatever_the_cut(cut):
    scores = rfm.score_rfm(random_features()).scores
    named = rfm.name_types(scores, cut=cut)
    assert set(named) <= {*rfm.RFM_TYPES, *rfm.NO_PURCHASE} and named.notna().all()
    assert ((named == "no_purchase") == scores["r_score"].isna()).all()


def test_cut_values_are_those_of_the_measures_and_high_is_strictly_better():
    scores = rfm.score_rfm(ten()).scores
    assert rfm.type_cuts(scores) == {"recency_days": 55, "frequency_orders": 5.5, "monetary_total": 550}
    assert rfm.type_cuts(scores, cut="mean_score") == {"r_score": 3, "f_score": 3, "m_score": 3}
    cut = {"recency_days": 50, "frequency_orders": 6, "monetary_total": 600}
    assert rfm.name_types(scores, cut=cut).tolist() == ["important_value"] * 4 + ["general_winback"] * 6


def test_eight_types_have_distinct_names_in_both_languages():
    assert len(rfm.RFM_TYPES) == 8
    for language in ("en", "zh"):
        assert len({names[language] for names in rfm.RFM_TYPES.values()}) == 8


def test_the_rfm_table_has_exactly_the_columns_of_the_schema():
    features = random_features()
    scores = rfm.score_rfm(features).scores
    table = rfm.build_rfm(features.sample(frac=1, random_state=2), scores)
    assert table.columns.tolist() == [column.name for column in TABLES["rfm"].columns]
    assert table["customer_id"].is_monotonic_increasing and table["customer_id"].is_unique
    assert (table["activity_status"].isna() == (table["rfm_type"] == "no_purchase")).all()
    assert ((table["life_cycle_stage"] == "prospect") == (table["rfm_type"] == "no_purchase")).all()


def test_scores_of_other_customers_are_refused():
    scores = rfm.score_rfm(ten().head(9)).scores
    with pytest.raises(DataError, match="build_rfm: 10 customers in features, 9 in scores, not the same ones"):
        rfm.build_rfm(ten().assign(tenure_days=200.0), scores)


def test_missing_columns_are_all_named_at_once():
    with pytest.raises(DataError) as caught:
        rfm.score_rfm(ten().drop(columns=["recency_days", "monetary_total"]))
    assert [fault.found for fault in caught.value.faults] == [
        "column 'recency_days' not found", "column 'monetary_total' not found",
    ]  # fmt: skip


def test_impossible_customers_are_refused_all_at_once_with_the_first_of_each():
    wrong = ten()
    wrong.loc[1, "recency_days"] = -3.0
    wrong.loc[2, "recency_days"] = np.inf
    wrong.loc[3, "monetary_total"] = np.nan
    wrong.loc[9, "customer_id"] = "008"
    with pytest.raises(DataError) as caught:
        rfm.score_rfm(wrong)
    assert str(caught.value).splitlines()[0] == (
        "features: customer_id repeats for 1 customers, first '008'. One row per customer. "
        "The table is written by 03_build_features; run it again."
    )
    assert len(caught.value.faults) == 4


def test_unknown_choices_are_refused_with_the_nearest_name():
    with pytest.raises(ProfileError, match="tie_rule: 'lowst' is not known. Did you mean 'lowest'?") as caught:
        rfm.score_rfm(ten(), tie_rule="lowst", bins=1)
    assert len(caught.value.faults) == 2
    with pytest.raises(ProfileError, match="cut: 'medan' is not known. Did you mean 'median'?"):
        rfm.type_cuts(rfm.score_rfm(ten()).scores, cut="medan")
    with pytest.raises(ProfileError, match="Exactly these"):
        rfm.type_cuts(rfm.score_rfm(ten()).scores, cut={"recency_days": 3})
