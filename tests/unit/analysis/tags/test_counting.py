"""Coverage of items, values of tags, movement since the last run, accuracy, strategies."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.tags.coverage import count_items, count_values, missing_sources
from workbench.analysis.tags.drifting import compare_with_last, measure_accuracy, psi
from workbench.analysis.tags.notes import note_segments
from workbench.analysis.tags.strategies import strategies_of, strategy_for
from workbench.analysis.tags.tagging import tag_customers
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import Workspace

ROOT = Path(__file__).parents[4]
AS_OF = dt.date(2025, 7, 1)
FEATURES = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d"],
        "recency_days": [10, 40, 400, None],
        "frequency_orders": [5, 2, 1, 0],
        "gender": ["F", "M", None, "F"],
    }
)
PRESENT = {"transactions", "transactions.ordered_at", "transactions.amount", "customers", "customers.gender"}


@pytest.fixture(scope="module")
def registry():
    return load_registry(Workspace(ROOT))


@pytest.fixture(scope="module")
def tagged(registry):
    return tag_customers({"features": ibis.memtable(FEATURES)}, registry.computed(), as_of=AS_OF)


@pytest.fixture(scope="module")
def items(registry, tagged):
    result = count_items(tagged, registry.tags.values(), tagged.portraits, present=PRESENT)
    return result.set_index("item")


def test_every_item_is_known_unknown_or_off(items):
    assert len(items) == 98
    known = items[items["status"] == "known"]
    assert set(known.index) == {"recency", "frequency", "gender"}
    assert set(items[items["status"] == "off"].index) == {
        "ethnicity", "religion", "beliefs", "security", "stress", "resilience"
    }  # fmt: skip


def test_an_item_counts_the_customers_with_one_of_its_tags(items):
    assert items.loc["recency", ["customers", "share"]].tolist() == [3, 0.75]
    assert items.loc["frequency", ["customers", "share"]].tolist() == [4, 1.0]
    assert items.loc["gender", ["customers", "share"]].tolist() == [3, 0.75]


def test_an_unknown_item_lists_its_needs_and_has_no_customers(items):
    assert items.loc["education", ["status", "lacks"]].tolist() == ["unknown", "customers.education"]
    assert items.loc["education", ["customers", "share"]].isna().all()  # unknown is no zero
    assert items.loc["price_sensitivity", "lacks"] == "transactions.unit_price + products.category"
    assert items.loc["satisfaction", "lacks"] == "service.rating or reviews.rating or responses"
    assert items.loc["value", "lacks"] == "value"  # the source is there, stage 09 has not run


def test_each_missing_source_names_what_it_would_unlock(items):
    sources = missing_sources(items.reset_index()).set_index("source")
    assert sources.loc["customers.education", "items"] == ["education"]
    assert sources.loc["products.category", "count"] == 2  # brand loyalty and price sensitivity
    assert sources["count"].is_monotonic_decreasing
    assert "customers.religion" not in sources.index  # off is no lack of data


def test_values_are_counted_in_the_order_of_the_registry_with_zeros(tagged):
    counted = count_values(tagged.portraits, tagged.computed)
    recency = counted[counted["tag"] == "recency_band"]
    assert recency["value"].tolist() == ["month", "quarter", "half_year", "year", "longer"]
    assert recency["customers"].tolist() == [1, 1, 0, 0, 1]
    assert recency["share"].sum() == pytest.approx(1, abs=1e-5)


def test_psi_of_equal_counts_is_nothing_and_of_a_swap_is_known_by_hand():
    assert psi(np.array([50, 50]), np.array([500, 500]))[0] == pytest.approx(0, abs=1e-9)
    index, bound = psi(np.array([75, 25]), np.array([25, 75]))
    p, q = 75.5 / 101, 25.5 / 101
    assert index == pytest.approx(2 * (p - q) * math.log(p / q), abs=1e-6)
    assert bound == pytest.approx(3.841459 * (1 / 100 + 1 / 100), abs=1e-6)  # chi-squared, one degree of freedom


def test_psi_is_missing_for_one_value_or_an_empty_run():
    assert all(math.isnan(item) for item in psi(np.array([5]), np.array([7])))
    assert all(math.isnan(item) for item in psi(np.array([0, 0]), np.array([7, 7])))


def test_psi_without_drift_stays_under_its_bound_in_95_of_100_draws():
    draw = np.random.default_rng(7)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    pairs = [(draw.multinomial(400, shares), draw.multinomial(600, shares)) for _ in range(1000)]
    under = np.mean([psi(one, other)[0] <= psi(one, other)[1] for one, other in pairs])
    assert 0.93 <= under <= 0.97


def test_a_tag_moved_only_above_both_a_tenth_and_chance():
    values = pd.DataFrame({"tag": ["t"] * 2 + ["u"] * 2, "value": ["x", "y"] * 2, "customers": [80, 20, 2, 8]})
    last = pd.DataFrame({"tag": ["t"] * 2 + ["u"] * 2, "value": ["x", "y"] * 2, "customers": [50, 50, 4, 6]})
    moved = compare_with_last(values, last).set_index("tag")
    assert bool(moved.loc["t", "moved"]) is True
    assert moved.loc["u", "psi"] > 0.1 and bool(moved.loc["u", "moved"]) is False  # ten customers: chance alone
    assert len(compare_with_last(values, None)) == 0


def test_accuracy_counts_the_customers_of_whom_both_are_known():
    sample = pd.DataFrame(
        {"tag_gender": ["female", "male", "female", None], "checked": ["Female", "female", None, "male"]}
    )
    row = measure_accuracy(sample, {"gender": "checked", "absent": "x"}).iloc[0]
    assert row[["tag", "n", "right", "right_share"]].tolist() == ["gender", 2, 1, 0.5]
    assert 0 < row["low"] < 0.5 < row["high"] < 1


def test_a_strategy_is_found_for_a_stage_and_for_the_direction_of_a_segment(registry):
    result = strategy_for(registry.pack, life_cycle="at_risk", segment="high_spend_lapsed")
    assert [(item.by, item.key) for item in result] == [("life_cycle", "at_risk"), ("segment", "high_lapsed")]
    assert strategy_for(registry.pack, segment="tier_2_upper_middle")[0].key == "upper_middle"
    assert strategy_for(registry.pack, segment="average")[0].key == "others"
    assert strategy_for(registry.pack, segment="low_tenure_high_net_spend")[0].key == "high"
    assert strategy_for(registry.pack, segment="low_life_sciences_high_arts")[0].key == "others"
    assert strategy_for(registry.pack, life_cycle="no such stage") == []
    assert result[0].strategy.evidence.zh == "尚未衡量效果，仅为建议"


def test_notes_compare_complaints_and_returns_by_segment_with_all_customers():
    frame = pd.DataFrame(
        {
            "customer_id": [f"c{at}" for at in range(40)],
            "life_cycle": ["active"] * 20 + ["lost"] * 20,
            "returns_habit": ["often"] * 4 + ["none"] * 16 + ["often"] * 16 + ["few"] * 4,
            "complaint_topic": [None] * 20 + ["size"] * 12 + ["<b>"] * 3 + [None] * 5,
        }
    )
    notes = note_segments(ibis.memtable(frame), least=4).set_index(["segment", "tag", "value"])
    assert [key[0] for key in notes.index] == ["everybody", "everybody", "active", "lost", "lost"]
    lost = notes.loc[("lost", "returns_habit", "often")]
    assert lost[["customers", "known", "share", "base_share", "tgi"]].tolist() == [16, 20, 0.8, 0.5, 160.0]
    assert ("lost", "complaint_topic", "<b>") not in notes.index  # three customers: not told
    assert ("active", "returns_habit", "none") not in notes.index  # nothing to act on
    one = note_segments(ibis.memtable(frame.assign(life_cycle="active")), least=4)
    assert set(one["segment"]) == {"everybody"}  # one segment is everybody


def test_notes_of_a_base_without_segments_or_such_tags_are_empty():
    assert (
        len(note_segments(ibis.memtable(pd.DataFrame({"customer_id": ["a"], "returns_habit": ["often"]})), least=1))
        == 0
    )
    assert len(note_segments(ibis.memtable(pd.DataFrame({"customer_id": ["a"], "segment": ["x"]})), least=1)) == 0


def test_strategies_are_listed_for_the_stages_and_segments_customers_are_in(registry):
    values = pd.DataFrame(
        {"tag": ["life_cycle", "life_cycle", "segment"], "value": ["new", "lost", "high"], "customers": [3, 0, 2]}
    )
    listed = strategies_of(registry.pack, values)
    assert listed[["by", "group", "customers"]].values.tolist() == [["life_cycle", "new", 3], ["segment", "high", 2]]
    assert listed["strategy"][0].goal.en == "a second order"


def test_a_base_without_customers_has_no_notes_values_or_known_items(registry):
    empty = tag_customers({"features": ibis.memtable(FEATURES.iloc[:0])}, registry.computed(), as_of=AS_OF)
    result = count_items(empty, registry.tags.values(), empty.portraits, present=PRESENT)
    assert not (result["status"] == "known").any()
    assert count_values(empty.portraits, empty.computed)["customers"].sum() == 0
    frame = pd.DataFrame({"segment": pd.Series(dtype="str"), "returns_habit": pd.Series(dtype="str")})
    assert len(note_segments(ibis.memtable(frame), least=1)) == 0
