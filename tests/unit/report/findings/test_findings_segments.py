"""What the search for segments says: a verdict, sizes, and what sets a group apart."""

from dataclasses import replace

import pandas as pd
import pytest

from workbench.analysis.clustering.candidates import UNSUITED, Search
from workbench.analysis.clustering.sweep import Candidate
from workbench.analysis.clustering.transforms import FeatureTransform, Transform
from workbench.analysis.clustering.verdicts import VERDICTS, Verdict, judge
from workbench.analysis.segments.definition import ALL, Segment, SegmentDefinition
from workbench.report.findings.segments.definition import find_segments, find_tried, limit_segments
from workbench.report.findings.segments.tables import shown_candidates, value_shares
from workbench.report.text import say
from workbench.run.stages.presentation import plain

MEASURED = {
    "customers": 200, "needed": 100, "silhouette": 0.44, "null_high": 0.42, "min_jaccard": 0.8,
    "split_half_jaccard": 0.9, "bootstrap_min_jaccard": 0.7, "margin": 0.05,
}  # fmt: skip
NOTHING = Verdict("no_structure", 1, "unstable")


@pytest.fixture
def definition():
    features = tuple(FeatureTransform(name, True, 1.0, 0.0, 1.0, filled) for name, filled in (("a", 0), ("income", 30)))
    return SegmentDefinition(
        name="segments-shop",
        transform=Transform(features, {}, "robust", 1, 5.0, 200, 0),
        model={"type": "centroids", "centers": [[0.0, 0.0], [1.0, 1.0]]},
        method="kmeans",
        segments=(Segment("high", {"en": "High", "zh": "高"}), Segment("low", {"en": "Low", "zh": "低"})),
        as_of="2024-03-01",
        verdict="continuum",
        parameters={"n_bootstraps": 50, "n_splits": 10},
    )


def sizes(*values):
    rows = [("high", 50, 0.25, 0.2, 0.3), ("low", 150, 0.75, 0.7, 0.8)]
    return pd.DataFrame(rows, columns=["segment", "n", "share", "low", "high"]).assign(value_share=list(values))


STRONGEST = pd.DataFrame(
    {
        "segment": ["high", "low"],
        "feature": ["a", "a"],
        "difference": [1.5, -0.5],
        "low": [1.2, -0.7],
        "high": [1.8, -0.3],
        "n": [50, 150],
    }
)


def find(definition, verdict="continuum", shares=(0.8, 0.2), strongest=STRONGEST):
    return find_segments(Verdict(verdict, 2, "", MEASURED), definition, sizes(*shares), strongest)


def test_value_shares_are_of_the_spend_of_all():
    features = pd.DataFrame({"customer_id": ["a", "b", "c"], "monetary_total": [60.0, 30.0, 10.0]})
    assigned = pd.DataFrame({"customer_id": ["c", "b", "a"], "segment": ["low", "low", "high"]})
    findings = value_shares(features, assigned, sizes(None, None).drop(columns="value_share"))
    assert findings["value_share"].tolist() == pytest.approx([0.6, 0.4])


@pytest.mark.parametrize("spend", [[5.0, -5.0], [-1.0, -2.0], None])
def test_value_shares_are_missing_without_spend_above_zero(spend):
    features = pd.DataFrame({"customer_id": ["a", "b"]} | ({"monetary_total": spend} if spend else {}))
    assigned = pd.DataFrame({"customer_id": ["a", "b"], "segment": ["high", "low"]})
    findings = value_shares(features, assigned, sizes(None, None).drop(columns="value_share"))
    assert findings["value_share"].isna().all()


@pytest.mark.parametrize("verdict", ["structure", "continuum"])
def test_the_verdict_comes_first_with_its_evidence(definition, verdict, values_by_key):
    findings = find(definition, verdict)
    values = values_by_key(findings)
    assert findings[0].key == {"structure": "segments_structure", "continuum": "segments_continuum_near"}[verdict]
    assert findings[0].weight == max(finding.weight for finding in findings)
    assert findings[0].values == {
        "k": 2, "n": 200, "needed": 100, "silhouette": 0.44, "null_silhouette": 0.42, "jaccard": 0.8,
        "margin": 0.05,
    }  # fmt: skip
    stated = values.get("segments_continuum_near_evidence")
    assert (stated is None) == (verdict == "structure")
    assert stated is None or stated["silhouette"] == 0.44
    assert values["segments_stability"] == {
        "k": 2, "jaccard": 0.9, "splits": 10, "min_jaccard": 0.7, "bootstraps": 50,
    }  # fmt: skip
    assert values["segments_largest"]["segment"] == {"en": "Low", "zh": "低"}
    assert (values["segments_largest"]["share"], values["segments_largest"]["value_share"]) == (0.75, 0.2)
    assert values["segments_largest"]["n"] == 200
    assert values["segments_most_value"]["segment"] == {"en": "High", "zh": "高"}
    assert values["segments_difference"]["effect"] == 1.5
    assert values["segments_definition"]["features"] == ["a", "income"]


def test_a_segment_both_largest_and_richest_is_reported_of_once(definition, values_by_key):
    findings = find(definition, shares=(0.2, 0.8))
    assert "segments_most_value" not in values_by_key(findings)
    largest = next(finding for finding in findings if finding.key == "segments_largest")
    assert largest.values["value_share"] == 0.8
    assert largest.weight > 0.6


def test_a_continuum_says_what_groups_would_need_only_where_its_silhouette_is_above_the_reference(definition):
    evidence = next(finding for finding in find(definition) if finding.key.endswith("_evidence"))
    assert say(evidence.key, "en", evidence.values).startswith(
        "The silhouette is 0.44. Separate groups would need 0.05 more than the 0.42 of a single cloud"
    )
    below = MEASURED | {"silhouette": 0.4}
    first, *others = find_segments(Verdict("continuum", 2, "", below), definition, sizes(0.8, 0.2), STRONGEST)
    assert first.key == "segments_continuum"
    evidence = next(finding for finding in others if finding.key.endswith("_evidence"))
    assert "silhouette is 0.4, and 0.42 for a single cloud" in say(evidence.key, "en", evidence.values)


def test_without_spend_no_segment_is_given_a_share_of_it(definition, values_by_key):
    values = values_by_key(find(definition, shares=(None, None)))
    assert values["segments_largest_bare"]["share"] == 0.75
    assert {"segments_largest", "segments_most_value"}.isdisjoint(values)


def test_without_a_sure_difference_none_is_reported(definition, values_by_key):
    assert "segments_difference" not in values_by_key(find(definition, strongest=STRONGEST.iloc[:0]))


def test_one_group_tells_its_verdict_and_its_definition_alone(definition, values_by_key):
    single = replace(definition, model={"type": "single"}, method="single", segments=(ALL,), verdict="no_structure")
    alone = pd.DataFrame({"segment": ["all"], "n": [200], "share": [1.0], "low": [0.98], "high": [1.0]})
    findings = find_segments(
        Verdict("no_structure", 1, "unstable", MEASURED), single, alone.assign(value_share=1.0), STRONGEST.iloc[:0]
    )
    assert set(values_by_key(findings)) == {"segments_no_structure", "segments_definition"}


def test_too_few_customers_says_how_many_there_are_and_are_needed(definition, values_by_key):
    single = replace(definition, model={"type": "single"}, method="single", segments=(ALL,), verdict="too_little_data")
    counted = {"customers": 40, "distinct": 9, "features": 2, "needed": 100}
    everybody = pd.DataFrame({"segment": ["all"], "n": [40], "share": [1.0], "low": [0.9], "high": [1.0]})
    everybody = everybody.assign(value_share=1.0)
    findings = find_segments(
        Verdict("too_little_data", 1, "few_customers", counted), single, everybody, STRONGEST.iloc[:0]
    )
    values = values_by_key(findings)
    assert (values["segments_too_little_data"]["n"], values["segments_too_little_data"]["needed"]) == (40, 100)


@pytest.mark.parametrize(("reason", "key"), [("few_distinct", "all_alike"), ("no_features", "no_features")])
def test_customers_all_alike_or_without_features_are_not_called_too_few(definition, reason, key, values_by_key):
    single = replace(definition, model={"type": "single"}, method="single", segments=(ALL,), verdict="too_little_data")
    counted = {"customers": 0, "distinct": 0, "features": 0, "needed": 100}
    everybody = pd.DataFrame({"segment": ["all"], "n": [150], "share": [1.0], "low": [0.9], "high": [1.0]})
    everybody = everybody.assign(value_share=1.0)
    findings = find_segments(Verdict("too_little_data", 1, reason, counted), single, everybody, STRONGEST.iloc[:0])
    values = values_by_key(findings)
    assert "segments_too_little_data" not in values
    assert values[f"segments_{key}"]["n"] == 150


def test_methods_tried_skipped_and_fitted_on_a_sample_are_reported(values_by_key):
    sizes = {"kmeans": 2500.0, "mixture": 1000.0}
    tried = tuple(Candidate(name, k, {}, {"customers_fitted": n}, ()) for name, n in sizes.items() for k in (2, 3))
    findings = find_tried(Search(tried, None, {"mixed": "no_categories", "classes": "no_levels"}), NOTHING, 2500)
    values = values_by_key(findings)
    assert values["segments_tried"] == {"count": 4, "methods": ["method_kmeans", "method_mixture"]}
    assert values["segments_no_categories"] == {"methods": ["method_mixed"]}
    assert values["segments_sampled"] == {"methods": ["method_mixture"], "sample": 1000, "n": 2500}
    assert find_tried(Search((), None, dict.fromkeys(("kmeans", "mixture"), "too_little_data")), NOTHING, 40) == []
    assert "segments_sampled" not in values_by_key(find_tried(Search(tried, None, {}), NOTHING, 1000))
    assert set(UNSUITED) == {"no_numbers", "no_categories", "no_levels"}


def candidate(k, silhouette, jaccard, valley, smallest=0.1):
    measured = {"silhouette": silhouette, "min_jaccard": jaccard, "min_jaccard_error": 0.01, "valley": valley}
    return Candidate("kmeans", k, {}, measured | {"smallest_share": smallest, "customers_fitted": 200.0}, ())


@pytest.mark.parametrize(
    ("better", "criterion", "words"),
    [
        (candidate(5, 0.56, 0.85, 0.7), "valley", "not separated by a gap: density between them 0.7"),
        (candidate(2, 0.56, 0.85, 0.1), "choice", "choice prefers 3"),
        (candidate(5, 0.56, 0.85, 0.1, smallest=0.01), "small_group", "only 1 % of the customers"),
    ],
)
def test_what_overrules_better_silhouette_and_stability_is_named_in_table_and_sentence(better, criterion, words):
    used, worse = candidate(3, 0.46, 0.80, 0.2), candidate(4, 0.5, 0.7, 0.2)
    null = pd.DataFrame({"k": [2, 3, 4, 5], "null_high": 0.4, "null_mean": 0.38, "null_sd": 0.01})
    verdict = judge(pd.DataFrame({"a": range(200)}), (used, worse, better), null)
    assert (verdict.verdict, verdict.k) == ("structure", 3)
    search = Search((used, worse, better), null.assign(method="kmeans"), {})
    table = shown_candidates(search, verdict)
    decisions = dict(zip(table["k"], table["left_out_by"], strict=True))
    assert decisions == {3: "criterion_chosen", 4: "criterion_unstable", better.k: f"criterion_{criterion}"}
    (overruled,) = [entry for entry in find_tried(search, verdict, 200) if "overruled" in entry.key]
    assert words in say(overruled.key, "en", overruled.values)
    assert "所用的\u20093\u2009组" in say(overruled.key, "zh", overruled.values)
    alone = Search((used, worse), search.null, {})
    assert not [entry for entry in find_tried(alone, verdict, 200) if "overruled" in entry.key]


def test_every_verdict_has_a_sentence_and_a_heading():
    for verdict in VERDICTS:
        values = {"k": 2, "n": 200, "needed": 100, "silhouette": 0.4, "null_silhouette": 0.5, "jaccard": 0.8}
        for language in ("en", "zh"):
            assert say(f"segments_{verdict}", language, values)
            assert say(f"segments_{verdict}_heading", language, values)


def test_the_limits_name_what_was_left_out_and_filled_in(definition, values_by_key):
    values = values_by_key(limit_segments(Verdict("continuum", 2, ""), definition, ["flat", "tenure_days"]))
    assert values["segments_dropped"] == {"features": ["flat", "tenure_days"], "count": 2}
    assert values["segments_imputed"] == {"feature": "income", "count": 30, "share": 0.15}
    assert values["segments_limit_cut"] == {"k": 2}
    assert values["segments_limit_new"] == {"as_of": "2024-03-01"}


def test_the_limits_say_nothing_that_does_not_hold(definition, values_by_key):
    features = tuple(replace(feature, filled=0) for feature in definition.transform.features)
    bare = replace(definition, as_of="9999-12-31", transform=replace(definition.transform, features=features))
    values = values_by_key(limit_segments(Verdict("structure", 2, ""), bare, []))
    assert set(values) == {"segments_limit_features", "segments_limit_kmeans"}


def test_without_any_feature_the_limits_can_still_be_said(definition):
    bare = replace(
        definition,
        model={"type": "single"},
        method="single",
        segments=(ALL,),
        transform=replace(definition.transform, features=(), customers=0),
    )
    limits = limit_segments(Verdict("too_little_data", 1, "no_features"), bare, ["recency_days"])
    for finding in limits:
        for language in ("en", "zh"):
            assert say(finding.key, language, plain(dict(finding.values)))
