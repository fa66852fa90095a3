"""Why a customer is in a segment: conditions met, the features that decided, the nearest other segment."""

import pandas as pd
import pytest

from workbench.analysis.clustering.transforms import FeatureTransform, Transform
from workbench.analysis.segments.declared import declare
from workbench.analysis.segments.definition import ALL, Segment, SegmentDefinition
from workbench.analysis.segments.reasons import REASON_COLUMNS, explain_customer


def centres(**changes):
    how = (FeatureTransform("spend", False, 0.0, 100.0, 50.0), FeatureTransform("recency_days", True, 0.0, 0.0, 1.0))
    whole = {
        "name": "shop",
        "transform": Transform(how, {}, "robust", 1, 50.0, 10, 0),
        "model": {"type": "centroids", "centers": [[2.0, 3.0], [0.0, 3.0], [0.0, 9.0]]},
        "segments": tuple(Segment(k, {"en": k, "zh": f"{k}群"}) for k in ("rich", "plain", "gone")),
        "as_of": "2025-01-01",
        "verdict": "structure",
        "method": "kmeans",
    }
    return SegmentDefinition(**{**whole, **changes})


def customer(**values):
    return pd.DataFrame({"customer_id": ["c1"], **{name: [value] for name, value in values.items()}})


def test_the_features_that_decided_and_the_nearest_other_by_hand():
    result = explain_customer(centres(), customer(spend=180, recency_days=19.085537))  # coordinates 1.6 and 3
    assert tuple(result.columns) == REASON_COLUMNS
    row = result.iloc[0]
    assert (row["segment"], row["nearest_other"], row["feature"], row["value"]) == ("rich", "plain", "spend", 180)
    assert row["distance"] == pytest.approx(1.6 - 0.4, abs=1e-5)
    assert (row["typical"], row["other_typical"], row["weight"]) == (200, 100, 1.0)
    assert len(result) == 1  # recency is as far from one centre as from the other


def test_typical_values_have_the_unit_of_the_feature():
    row = explain_customer(centres(), customer(spend=100, recency_days=5000)).iloc[0]
    assert (row["segment"], row["feature"]) == ("gone", "recency_days")
    assert row["typical"] == pytest.approx(8102.083928)  # e^9 - 1


RULES = {
    "name": "states",
    "as_of": "2025-01-01",
    "segments": [
        {"key": "vip", "name": {"en": "VIP", "zh": "贵宾"}, "when": {"spend": {"at_least": 500}, "recency_days": {"below": 90}}},
        {"key": "lost", "name": {"en": "Lost", "zh": "流失"}, "when": {"any": [{"recency_days": {"missing": True}}, {"not": {"recency_days": {"below": 365}}}]}},
        {"key": "other", "name": {"en": "Other", "zh": "其他"}, "otherwise": True},
    ],
}  # fmt: skip


def test_the_conditions_met_and_how_many_the_nearest_other_lacks():
    result = explain_customer(declare(RULES), customer(spend=800.0, recency_days=20.0))
    assert result[["feature", "value", "condition"]].to_numpy().tolist() == [
        ["spend", 800.0, ">= 500"], ["recency_days", 20.0, "< 90"],
    ]  # fmt: skip
    assert (result["nearest_other"].iloc[0], result["distance"].iloc[0]) == ("lost", 1)
    result = explain_customer(declare(RULES), customer(spend=800.0, recency_days=400.0))
    assert result[["segment", "condition"]].to_numpy().tolist() == [["lost", ">= 365"]]
    result = explain_customer(declare(RULES), customer(spend=8.0, recency_days=100.0))
    assert result[["segment", "nearest_other", "distance"]].to_numpy().tolist() == [["other", "lost", 1.0]]


def test_classes_and_clouds_and_categories_are_explained_too():
    pair = tuple(Segment(k, {"en": k, "zh": f"{k}群"}) for k in ("one", "two"))
    classes = {
        "type": "classes", "weights": [0.5, 0.5], "cuts": {"age": [30.0]}, "unseen": "ignore",
        "variables": {"city": {"Bath": [0.9, 0.2], "York": [0.1, 0.8]}, "age": {"0": [0.5, 0.4], "1": [0.5, 0.6]}},
    }  # fmt: skip
    row = explain_customer(centres(model=classes, segments=pair, method="classes"), customer(city="Bath", age=20)).iloc[
        0
    ]
    assert (row["segment"], row["feature"], row["typical"], row["other_typical"]) == ("one", "city", "Bath", "York")
    clouds = {
        "type": "gaussians", "covariance": "diag", "weights": [0.5, 0.5], "means": [[2.0, 3.0], [0.0, 3.0]],
        "precision_cholesky": [[1.0, 1.0], [1.0, 1.0]], "log_det": [0.0, 0.0],
    }  # fmt: skip
    row = explain_customer(
        centres(model=clouds, segments=pair, method="mixture"), customer(spend=180, recency_days=20)
    ).iloc[0]
    assert (row["segment"], row["feature"], row["nearest_other"]) == ("one", "spend", "two")
    assert row["distance"] == pytest.approx((1.6**2 - 0.4**2) / 2)


def test_unknown_and_a_single_segment_have_a_row_without_a_reason():
    assert explain_customer(centres(), customer(spend=None, recency_days=None))["feature"].isna().all()
    one = centres(model={"type": "single"}, segments=(ALL,), method="single")
    assert explain_customer(one, customer(spend=1, recency_days=1))["segment"].tolist() == ["all"]
