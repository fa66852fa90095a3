"""Names come from what sets customers apart; they are unique, and stable whatever the order of the clusters."""

from datetime import date

import numpy as np
import pandas as pd

from workbench.analysis.clustering import Verdict
from workbench.analysis.segment_names import define_segments, name_segments, name_tiers, order_by_value
from workbench.analysis.transforms import prepare

COLUMNS = ["recency_days", "frequency_orders", "monetary_total"]
BASE = (np.zeros(3), np.ones(3))


def names(centres, columns=COLUMNS, **options):
    base = (np.zeros(len(columns)), np.ones(len(columns)))
    return name_segments(np.array(centres, dtype=float), columns, base, **options)


def test_strongest_differences_come_first():
    found = names([[-0.5, 1.0, 2.0], [1.5, -0.4, 0.1]])
    assert found[0].key == "high_spend_frequent_recent"
    assert found[0].name == {"en": "High spend, frequent, recent", "zh": "高消费、高频、近期"}
    assert found[1].name == {"en": "Lapsed, infrequent", "zh": "久未购、低频"}


def test_centre_without_differences_is_average():
    assert names([[0.1, 0.0, -0.2], [2, 0, 0]])[0].name == {"en": "Average", "zh": "平均"}


def test_names_do_not_hang_on_the_order_of_the_clusters():
    centres = [[-0.5, 1.0, 2.0], [1.5, -0.4, 0.1], [0, 0, 0]]
    assert names(centres)[::-1] == names(centres[::-1])


def test_shared_names_are_lengthened_and_in_the_last_resort_numbered():
    found = names([[1.5, 0.1, 0.2], [1.4, 0.1, -0.2]])
    assert len({each.key for each in found}) == len({each.name["zh"] for each in found}) == 2
    assert found[0].name["en"] == "Lapsed, high spend"
    found = names([[1.5, 1, 1], [1.6, 1, 1], [1.7, 1, 1]])
    assert len({each.key for each in found}) == len({each.name["en"] for each in found}) == 3


def test_feature_without_phrase_uses_its_label():
    found = names(
        [[1.0], [-1.0]], ["visits_30d"], labels={"visits_30d": {"en": "Visits in 30 days", "zh": "30 天访问数"}}
    )
    assert [each.name for each in found] == [
        {"en": "High visits in 30 days", "zh": "30 天访问数高"},
        {"en": "Low visits in 30 days", "zh": "30 天访问数低"},
    ]


def test_tiers_are_named_by_rank():
    found = name_tiers(np.array([[0, 0, 2.0], [0, 0, 0], [0, 0, -2]]), COLUMNS, BASE)
    assert [each.key for each in found] == ["tier_1_high", "tier_2_middle", "tier_3_low"]
    assert found[0].name == {"en": "Tier 1 of 3, high: high spend", "zh": "高价值层（1/3）：高消费"}
    assert len({each.key for each in name_tiers(np.zeros((8, 3)), COLUMNS, BASE)}) == 8


def test_value_orders_centres_downward():
    centres = np.array([[0, 0, 1.0], [0, 0, 3], [0, 0, 2]])
    assert order_by_value(centres, COLUMNS).tolist() == [1, 2, 0]
    assert order_by_value(np.array([[1.0], [2]]), ["other"]).tolist() == [1, 0]


def prepared():
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(size=(200, 3)), columns=COLUMNS).assign(customer_id=range(200))
    return prepare(features, COLUMNS, log_columns=())


def test_definition_follows_the_verdict():
    matrix, transform = prepared()
    centres = np.array([[0, 0, -1.0], [0, 0, 1.0]])
    tiers = define_segments(
        Verdict("continuum", 2, "stable_cut", {}, centres), matrix, transform, as_of=date(2024, 1, 1)
    )
    assert tiers.keys == ["tier_1_high", "tier_2_low", "unknown"]
    assert tiers.centroids[0][2] == 1
    groups = define_segments(
        Verdict("structure", 2, "separate_and_stable", {"k": 2}, centres),
        matrix,
        transform,
        as_of=date(2024, 1, 1),
        details={"name": "spring", "parameters": {"k_max": 8}},
    )
    assert groups.keys == ["high_spend", "low_spend", "unknown"]
    assert (groups.name, groups.evidence) == ("spring", {"reason": "separate_and_stable", "k": 2})
    nothing = define_segments(Verdict("no_structure", 1, "unstable"), matrix, transform, as_of=date(2024, 1, 1))
    assert nothing.keys == ["all"] and nothing.method == "single"
