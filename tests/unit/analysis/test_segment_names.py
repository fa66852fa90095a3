"""Names come from differences; they are unique, and do not depend on the order of the clusters."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.clustering.candidates import spaces_of
from workbench.analysis.clustering.sweep import Candidate
from workbench.analysis.clustering.verdicts import Verdict
from workbench.analysis.segments.definition import assign
from workbench.analysis.segments.names import (
    define_segments,
    distinguishing_features,
    name_segments,
    name_tiers,
    order_by_value,
)

COLUMNS = ["recency_days", "frequency_orders", "monetary_total"]


def telling(*segments, columns=COLUMNS):
    """Give each segment its effects by feature, as ``distinguishing_features`` ranks them."""
    rows = [
        (at, name, None, effect, 0.0, 0.0, 0.0, "median", 1.0 + effect, 1.0)
        for at, effects in enumerate(segments)
        for name, effect in sorted(zip(columns, effects, strict=True), key=lambda each: -abs(each[1]))
        if effect
    ]
    names = ["segment", "feature", "level", "effect", "low", "high", "q_value", "statistic", "own", "base"]
    return pd.DataFrame(rows, columns=names)


def test_strongest_differences_come_first_and_give_the_description_its_figures():
    result = name_segments(telling([-0.5, 1.0, 2.0], [1.5, -0.4, 0.1]), 2)
    assert result[0].key == "high_spend_frequent_recent"
    assert result[0].name == {"en": "High spend, frequent, recent", "zh": "高消费、高频、近期"}
    assert result[1].name == {"en": "Lapsed, infrequent", "zh": "久未购、低频"}
    assert result[0].description["en"].startswith("Monetary total 3 at the median against 1;")
    assert "0.1" not in result[1].description["en"]  # a small difference is no part of it


def test_where_segment_and_base_share_their_median_the_mean_is_given():
    rows = telling([1.0], columns=["monetary_total"]).assign(statistic="mean", own=2.5, base=0.5)
    message = name_segments(rows, 1)[0].description
    assert message == {"en": "Monetary total 2.5 on average against 0.5.", "zh": "monetary total均值 2.5（总体 0.5）。"}


def test_segment_without_differences_is_average():
    result = name_segments(telling([0, 0, 0], [2, 0, 0]), 2)
    assert result[0].name == {"en": "Average", "zh": "平均"}
    assert result[0].description["zh"] == "没有与总体明显不同的特征。"


def test_shared_names_are_lengthened_and_in_the_last_resort_numbered():
    result = name_segments(telling([1.5, 0.1, 0.2], [1.4, 0.1, -0.2]), 2)
    assert len({item.key for item in result}) == len({item.name["zh"] for item in result}) == 2
    assert result[0].name["en"] == "Lapsed, high spend"
    result = name_segments(telling([1.5, 1, 1], [1.6, 1, 1], [1.7, 1, 1]), 3)
    assert len({item.key for item in result}) == len({item.name["en"] for item in result}) == 3


def test_a_column_of_the_source_keeps_its_capitals():
    result = name_segments(telling([1.0], [-1.0], columns=["MntWines"]), 2)
    assert result[0].name["en"] == "High MntWines"
    assert result[0].description["en"] == "MntWines 2 at the median against 1."


def test_feature_without_phrase_uses_its_label_and_a_level_is_named():
    labels = {"visits_30d": {"en": "Visits in 30 days", "zh": "30 天访问数"}, "city": {"en": "City", "zh": "城市"}}
    rows = telling([1.0], [-1.0], columns=["visits_30d"])
    result = name_segments(rows, 2, labels=labels)
    assert [item.name for item in result] == [
        {"en": "High visits in 30 days", "zh": "30 天访问数高"},
        {"en": "Low visits in 30 days", "zh": "30 天访问数低"},
    ]
    rows = telling([1.0], [-1.0], columns=["city"]).assign(level="Bath", own=[0.9, 0.1], base=0.5)
    result = name_segments(rows, 2, labels=labels)
    assert result[0].name == {"en": "City often Bath", "zh": "城市多为Bath"}
    assert result[0].description["en"] == "City Bath for 90% against 50%."


def test_what_customers_do_comes_before_what_they_do_not_and_ways_of_shopping_in_words():
    rows = telling([-1.0, 0.5], [1.0, -0.5], columns=["shopping_mode", "monetary_total"])
    rows["level"] = pd.Series(["online"] * len(rows), dtype="object").where(rows["feature"] == "shopping_mode", None)
    rows[["own", "base"]] = [0.1, 0.5]
    result = name_segments(rows, 2)
    assert result[0].name == {"en": "High spend, seldom shops online only", "zh": "高消费、很少仅线上购物"}
    assert result[1].name == {"en": "Shops online only, low spend", "zh": "仅线上购物、低消费"}


def test_a_level_that_hardly_anybody_has_names_nothing():
    rows = telling([1.0, -0.4], [-1.0, 0.4], columns=["monetary_total", "city"])
    rows["level"] = rows["feature"].map({"city": "Bath"}).astype("object").where(rows["feature"] == "city", None)
    rows.loc[rows["feature"] == "city", ["own", "base"]] = [0.0, 0.03]
    result = name_segments(rows, 2)
    assert [item.name["en"] for item in result] == ["High spend", "Low spend"]
    assert "Bath" not in result[0].description["en"]


def test_the_score_of_a_scale_is_named_by_what_the_scale_measures():
    labels = {"scale_arts": {"en": "Arts (scale score)", "zh": "艺术（量表得分）"}}
    result = name_segments(telling([1.0], [-1.0], columns=["scale_arts"]), 2, labels=labels)
    assert [item.name for item in result] == [{"en": "High arts", "zh": "艺术高"}, {"en": "Low arts", "zh": "艺术低"}]


def test_tiers_are_named_by_rank():
    result = name_tiers(telling([0, 0, 2.0], [0, 0, 0], [0, 0, -2]), 3)
    assert [item.key for item in result] == ["tier_1_high", "tier_2_middle", "tier_3_low"]
    assert result[0].name == {"en": "Tier 1 of 3, high: high spend", "zh": "高价值层（1/3）：高消费"}
    assert len({item.key for item in name_tiers(telling(*([0, 0, 0] for _ in range(8))), 8)}) == 8


def shoppers(n=400, seed=0):
    rng = np.random.default_rng(seed)
    rich = np.arange(n) % 2 == 0
    spend = np.where(rich, rng.normal(500, 30, n), rng.normal(50, 10, n))
    frame = pd.DataFrame({"recency_days": rng.normal(30, 5, n), "frequency_orders": rng.normal(9, 2, n)})
    return frame.assign(monetary_total=spend, customer_id=[f"c{i:04}" for i in range(n)])


def test_value_orders_segments_downward():
    features = pd.DataFrame({"customer_id": ["a", "b", "c"], "monetary_total": [1.0, 3.0, 2.0]})
    assert order_by_value(features, pd.Series([0, 1, 2], index=["a", "b", "c"]), 3).tolist() == [1, 2, 0]
    bare = pd.DataFrame({"customer_id": ["a", "b", "c"], "x": [1, 1, 1]})
    assert order_by_value(bare, pd.Series([0, 1, 1], index=["a", "b", "c"]), 2).tolist() == [1, 0]


@pytest.fixture
def spaces():
    return spaces_of(shoppers(), COLUMNS, log_columns=[])


def chosen(jaccard=(0.9, 0.9)):
    centers = [[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]
    return Candidate("kmeans", 2, {"type": "centroids", "centers": centers}, {}, jaccard)


def test_only_differences_significant_after_adjustment_are_described(spaces):
    placed = pd.Series((np.arange(400) % 2), index=spaces.matrix.index)
    result = distinguishing_features(spaces, shoppers(), placed)
    assert set(result["feature"]) == {"monetary_total"}
    assert (result["q_value"] <= 0.05).all()
    first = result[result["segment"] == 0].iloc[0]
    assert first["low"] < first["effect"] < first["high"]
    assert first["own"] == pytest.approx(500, rel=0.05)


def test_means_are_used_where_both_medians_are_the_same():
    returns = np.where(np.arange(400) % 10 == 0, 8.0, 0.0)
    features = shoppers().assign(recency_days=returns, frequency_orders=1.0 + (np.arange(400) % 3))
    spaces = spaces_of(features, ["recency_days", "frequency_orders"], log_columns=[])
    placed = pd.Series((np.arange(400) % 5 == 0).astype(int), index=spaces.matrix.index)
    result = distinguishing_features(spaces, features, placed)
    row = result[(result["segment"] == 0) & (result["feature"] == "recency_days")].iloc[0]
    assert (row["statistic"], row["own"], row["base"]) == ("mean", 0.0, pytest.approx(0.8))


def test_definition_follows_the_verdict(spaces):
    features, when = shoppers(), {"as_of": date(2024, 1, 1)}
    tiers = define_segments(Verdict("continuum", 2, "stable_cut", {}, chosen()), spaces, features, **when)
    assert tiers.keys == ["tier_1_high", "tier_2_low", "unknown"]
    assert tiers.model["centers"][0][2] == 1
    placed = assign(tiers, features).set_index("customer_id")["segment"]
    assert (placed == "tier_1_high").to_numpy().tolist() == (np.arange(400) % 2 == 0).tolist()
    verdict = Verdict("structure", 2, "separate_and_stable", {"k": 2, "valley": float("nan")}, chosen((0.7, 0.5)))
    details = {"name": "spring", "parameters": {"k_max": 8}}
    groups = define_segments(verdict, spaces, features, details=details, **when)
    assert groups.keys == ["high_spend", "low_spend", "unknown"]
    assert (groups.name, groups.evidence["k"], groups.evidence["valley"]) == ("spring", 2, None)
    assert [item.use for item in groups.segments] == ["do_not_use", "pattern"]  # the rich were the second cluster
    bare = features.rename(columns={"monetary_total": "age", "frequency_orders": "height", "recency_days": "weight"})
    answers = spaces_of(bare, ["weight", "height", "age"], log_columns=[])
    cut = define_segments(Verdict("continuum", 2, "stable_cut", {}, chosen()), answers, bare, **when)
    assert cut.keys == ["younger", "older", "unknown"]  # nothing stands for value: no tiers of it
    nothing = define_segments(Verdict("no_structure", 1, "unstable"), spaces, features, **when)
    assert nothing.keys == ["all"] and nothing.method == "single"


def test_shuffled_rows_and_swapped_clusters_leave_names_and_version_as_they_were(spaces):
    features, when = shoppers(), {"as_of": date(2024, 1, 1)}
    first = define_segments(Verdict("structure", 2, "", {}, chosen()), spaces, features, **when)
    shuffled = features.sample(frac=1, random_state=1)
    repeated = spaces_of(shuffled, COLUMNS, log_columns=[])
    swapped = Candidate("kmeans", 2, {"type": "centroids", "centers": chosen().model["centers"][::-1]}, {}, (0.9, 0.9))
    second = define_segments(Verdict("structure", 2, "", {}, swapped), repeated, shuffled, **when)
    assert second.version == first.version


def test_a_middle_tier_is_named_by_what_differs_even_where_the_effect_is_small():
    rows = telling([0.1], columns=["monetary_total"]).assign(effect=-0.2, own=791.0, base=1210.0, statistic="median")
    tier = name_tiers(pd.concat([rows.assign(segment=0), rows.assign(segment=1)]), 2)[1]
    assert tier.name == {"en": "Tier 2 of 2, low: somewhat low spend", "zh": "低价值层（2/2）：略低消费"}
    assert tier.description["en"] == "Monetary total 791 at the median against 1,210."
    alike = name_tiers(rows.assign(own=1100.0), 1)[0]
    assert alike.name["en"].endswith(": average")
    assert alike.description["en"] == "No feature differs clearly from customers as a whole."
