"""The champion places the customers; a fit is proposed only where its evidence is better by the margin."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.clustering.transforms import FeatureTransform, Transform
from workbench.analysis.segments.choice import choose_definition, keep_names
from workbench.analysis.segments.definition import Segment, SegmentDefinition, assign
from workbench.analysis.segments.matching import match_segments, match_table
from workbench.core.errors import DataError

UNITS = {"a": {"unit": "days"}, "monetary_total": {"unit": "money"}}


def fit(centers, feature="monetary_total", names=("rich", "poor", "third"), **changes):
    how = FeatureTransform(feature, False, 0.0, 0.0, 1.0)
    whole = {
        "name": "shop",
        "transform": Transform((how,), {}, "robust", 1, 1000.0, 10, 0),
        "model": {"type": "centroids", "centers": [[float(at)] for at in centers]},
        "segments": tuple(Segment(k, {"en": k.title(), "zh": f"{k}群"}) for k in names[: len(centers)]),
        "as_of": "2025-01-01",
        "verdict": "structure",
        "method": "kmeans",
        "features": {feature: {"unit": UNITS[feature]["unit"]}},
        "evidence": {"min_jaccard": 0.9},
    }
    return SegmentDefinition(**{**whole, **changes})


@pytest.fixture
def customers():
    spend = np.repeat([100.0, 10.0], 50) + np.arange(100) % 5
    noise = np.tile([1.0, 9.0], 50)
    return pd.DataFrame({"customer_id": [f"c{i:03}" for i in range(100)], "monetary_total": spend, "a": noise})


def choose(fitted, champion, customers, margin=0.05, registered=UNITS):
    return choose_definition(fitted, champion, customers, margin=margin, registered=registered)


def test_without_a_champion_the_fit_is_used_and_with_itself_nothing_is_proposed(customers):
    one = fit([100, 10])
    assert (choose(one, None, customers).used, choose(one, None, customers).reason) == (one, "no_champion")
    result = choose(one, replace(one, made_by={"run_id": "x"}), customers)
    assert (result.challenger, result.reason) == (False, "same")


def test_a_fit_without_structure_leaves_the_last_segments_in_use(customers):
    everyone = (Segment("all", {"en": "All", "zh": "全部"}),)
    single = fit([], model={"type": "single"}, verdict="no_structure", segments=everyone)
    last = fit([100, 10])
    options = {"features": customers, "margin": 0.05, "registered": UNITS}
    result = choose_definition(single, None, last=last, **options)
    assert (result.used, result.recorded, result.challenger, result.reason) == (last, last, False, "kept_last")
    for other_last in (None, single, fit([1, 9], feature="a", features={"a": {"unit": "weeks"}})):
        result = choose_definition(single, None, last=other_last, **options)
        assert (result.used, result.reason) == (single, "no_champion")
    assert choose_definition(fit([90, 20]), None, last=last, **options).reason == "no_champion"


def test_a_fit_that_explains_more_by_the_margin_is_proposed_and_the_champion_stays_in_use(customers):
    champion, better = fit([1, 9], feature="a"), fit([100, 10])
    result = choose(better, champion, customers)
    assert (result.used, result.challenger, result.reason) == (champion, True, "explains_more")
    assert result.values["explained"] > 0.99 and result.values["champion_explained"] < 0.05
    assert choose(better, champion, customers, margin=1.0).reason == "no_gain"
    assert choose(champion, better, customers).challenger is False


def test_verdict_and_stability_come_before_what_is_explained(customers):
    champion, better = fit([1, 9], feature="a"), fit([100, 10])
    weak = replace(better, verdict="continuum")
    assert choose(weak, champion, customers).reason == "weaker_verdict"
    assert choose(champion, weak, customers).reason == "better_verdict"
    shaky = replace(better, evidence={"min_jaccard": 0.8})
    assert choose(shaky, champion, customers).reason == "less_stable"


def test_a_champion_whose_feature_is_missing_or_changed_its_unit_is_refused(customers):
    champion = fit([1, 9], feature="a")
    with pytest.raises(DataError, match="its feature 'a' no longer exists"):
        choose(fit([100, 10]), champion, customers, registered={"monetary_total": {"unit": "money"}})
    with pytest.raises(DataError, match="feature 'a' is measured in weeks"):
        choose(fit([100, 10]), champion, customers, registered=UNITS | {"a": {"unit": "weeks"}})


def test_segments_that_are_the_same_keep_their_names_in_whatever_order_they_come(customers):
    before = fit([100, 10], names=("big", "small"))
    named, matches = keep_names(fit([11, 99], names=("one", "two")), before, customers)
    assert [item.key for item in named.segments] == ["small", "big"]
    assert [item.kind for item in matches] == ["kept", "kept"]
    assert named.segments[1].name == {"en": "Big", "zh": "big群"}


def test_a_split_is_reported_and_its_parts_get_new_names():
    spend = np.repeat([100.0, 20.0, 10.0], 40)
    customers = pd.DataFrame({"customer_id": [f"c{i:03}" for i in range(120)], "monetary_total": spend})
    before, after = fit([100, 15], names=("big", "small")), fit([100, 20, 10], names=("x", "small", "z"))
    named, matches = keep_names(after, before, customers)
    assert [item.kind for item in matches] == ["kept", "split", "split"]
    assert [item.key for item in named.segments] == ["big", "small", "z"]
    merged = match_segments(after, before, assign(after, customers), assign(before, customers))
    assert merged[1].kind == "merged" and set(merged[1].before) == {"small", "z"}
    assert match_table(merged, after, before)["kind"].tolist() == ["kept", "merged"]


def test_a_segment_without_predecessor_is_new_and_one_without_successor_has_ended():
    customers = pd.DataFrame({"customer_id": list("abcdefghij"), "monetary_total": np.arange(10.0)})
    before = fit([0, 9], names=("low", "high"))
    after = fit([2, 4.5, 7], names=("x", "y", "z"))
    matches = match_segments(before, after, assign(before, customers), assign(after, customers))
    assert [item.kind for item in matches] == ["kept", "new", "kept"]


def test_tiers_keep_their_names_only_from_a_cut_into_as_many(customers):
    before = fit([100, 10], names=("tier_1_high", "tier_2_low"), verdict="continuum")
    fewer = fit([100, 50, 10], names=("tier_1_high", "tier_2_middle", "tier_3_low"), verdict="continuum")
    assert keep_names(fewer, before, customers)[0] == fewer
    result = fit([100, 10], names=("x", "y"))
    assert keep_names(result, before, customers)[0] == result
    assert keep_names(result, None, customers) == (result, ())


def test_names_are_not_carried_over_from_a_definition_of_other_features(customers):
    before = fit([1, 9], feature="a", names=("recent", "lapsed"))
    fitted = fit([100, 10], names=("rich", "poor"))
    assert keep_names(fitted, before, customers) == (fitted, ())
