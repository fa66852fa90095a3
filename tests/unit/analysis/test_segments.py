"""A definition is data: versioned, refused when tampered with, and the same in pandas and in the database."""

import json
from dataclasses import replace
from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from workbench.analysis.clustering.transforms import FeatureTransform, Transform
from workbench.analysis.segments.definition import (
    ALL,
    Segment,
    SegmentDefinition,
    assign,
    assign_table,
    check_features,
    to_expression,
)
from workbench.core.errors import DataError

CON = ibis.duckdb.connect()
NUMBER = st.one_of(st.none(), st.floats(-50, 2000, allow_nan=False), st.integers(-3, 3).map(float))


def definition(**changes):
    transform = Transform(
        features=(
            FeatureTransform("recency_days", False, 30.0, 30.0, 20.0),
            FeatureTransform("monetary_total", True, 100.0, 4.6, 1.2),
        ),
        dropped={},
        scaling="robust",
        min_known=1,
        clip=5.0,
        customers=500,
        left_out=0,
    )
    segments = tuple(Segment(key, {"en": key, "zh": f"{key} 客群"}) for key in ("near", "far", "rich"))
    whole = {
        "name": "test",
        "transform": transform,
        "model": {"type": "centroids", "centers": [[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]},
        "method": "kmeans",
        "segments": segments,
        "as_of": date(2024, 1, 1).isoformat(),
        "verdict": "structure",
    }
    return SegmentDefinition(**{**whole, **changes})


def customers(rows):
    frame = pd.DataFrame(rows, columns=["recency_days", "monetary_total"], dtype="float64")
    return frame.assign(customer_id=[f"c{i:04}" for i in range(len(frame))])


def in_database(one, features):
    table = ibis.memtable(features)
    expression = assign_table(one, table).order_by("customer_id")
    return CON.to_pandas(expression)["segment"].tolist()


def test_customers_go_to_the_nearest_centre_by_hand():
    features = customers([[10, 99], [50, 99], [30, 5000], [30, None], [None, None]])
    placed = assign(definition(), features)
    # recency 30 at the median spend is equally far from near and far: the first wins; nothing known: unknown
    assert placed["segment"].tolist() == ["near", "far", "rich", "near", "unknown"]
    assert placed["definition_version"].unique().tolist() == [definition().version]
    assert in_database(definition(), features) == placed["segment"].tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=30))
def test_pandas_and_the_database_give_everybody_the_same_segment(rows):
    features = customers(rows)
    assert in_database(definition(), features) == assign(definition(), features)["segment"].tolist()


def test_pandas_and_the_database_agree_on_many_customers_and_on_ties():
    rng = np.random.default_rng(0)
    features = customers(np.column_stack([rng.integers(0, 60, 5000), np.round(np.exp(rng.normal(4.6, 2, 5000)), 2)]))
    features.loc[rng.random(5000) < 0.1, "recency_days"] = np.nan
    features.loc[rng.random(5000) < 0.1, "monetary_total"] = np.nan
    placed = assign(definition(), features)
    assert in_database(definition(), features) == placed["segment"].tolist()
    assert set(placed["segment"]) == {"near", "far", "rich", "unknown"}


def test_infinite_values_are_as_far_as_the_clip_in_both():
    features = customers([[np.inf, 99.0], [-np.inf, 99.0], [30.0, np.inf]])
    assert assign(definition(), features)["segment"].tolist() == ["far", "near", "rich"]
    assert in_database(definition(), features) == ["far", "near", "rich"]


def test_assignment_is_a_partition_sorted_by_customer_in_any_row_order():
    features = customers([[10, 99], [50, 99], [30, 5000]])
    one = assign(definition(), features)
    pd.testing.assert_frame_equal(one, assign(definition(), features[::-1]))
    assert one["customer_id"].tolist() == features["customer_id"].tolist()
    assert one["segment"].notna().all()


def test_json_comes_back_equal_with_the_same_version():
    one = definition(evidence={"silhouette": 0.5}, made_by={"run_id": "r1"})
    repeated = SegmentDefinition.from_json(one.to_json())
    assert repeated == one
    assert json.loads(one.to_json())["version"] == one.version == repeated.version
    assert len(one.version) == 12


def test_version_depends_on_the_content_and_not_on_the_run():
    assert definition(made_by={"run_id": "r1"}).version == definition(made_by={"run_id": "r2"}).version
    assert definition(as_of="2024-01-02").version != definition().version


def test_changed_definition_is_refused_with_both_versions():
    changed = definition().to_json().replace("-1.0", "-1.5")
    with pytest.raises(
        DataError, match=rf"it states version '{definition().version}', its content has version '[0-9a-f]"
    ) as error:
        SegmentDefinition.from_json(changed)
    assert "It was changed after it was made" in str(error.value)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": "x"}', '{"version": "x", "transform": 3}'])
def test_what_is_no_definition_is_refused(text):
    with pytest.raises(DataError, match="segment definition: not readable"):
        SegmentDefinition.from_json(text)


def test_missing_columns_are_named_with_the_nearest():
    features = customers([[1, 2]]).rename(columns={"recency_days": "recency_day"})
    with pytest.raises(DataError, match=r"column 'recency_days' is not in the features.*Did you mean 'recency_day'"):
        assign(definition(), features)
    with pytest.raises(DataError, match="column 'recency_days' is not in the features"):
        to_expression(definition(), ibis.memtable(features))


def test_faulty_definitions_are_refused_with_every_fault():
    twice = tuple(Segment(key, {"en": "Same", "zh": "同"}) for key in ("a", "a", "unknown"))
    with pytest.raises(DataError) as error:
        definition(segments=twice, model={"type": "centroids", "centers": [[0.0], [1.0, 2.0], [1.0, 3.0]]})
    assert len(error.value.faults) == 4


def test_single_segment_holds_everybody_known_or_not():
    one = definition(model={"type": "single"}, segments=(ALL,), verdict="no_structure", method="single")
    features = customers([[1, 2], [None, None]])
    assert assign(one, features)["segment"].tolist() == ["all", "all"]
    assert in_database(one, features) == ["all", "all"]
    assert one.keys == ["all"] and one.label("all", "zh") == "全部客户"


def test_a_feature_that_is_missing_or_has_another_unit_is_refused_with_the_reason():
    one = definition(features={"recency_days": {"unit": "days"}, "monetary_total": {"unit": "money"}})
    check_features(one, {"recency_days": {"unit": "days"}, "monetary_total": {"unit": "money"}, "age": {}})
    with pytest.raises(DataError) as error:
        check_features(one, {"recency_days": {"unit": "weeks"}, "monetary_totals": {"unit": "money"}})
    assert "feature 'recency_days' is measured in weeks. days, as in the fit" in str(error.value)
    assert "its feature 'monetary_total' no longer exists" in str(error.value)
    assert "Did you mean 'monetary_totals'" in str(error.value)


def test_texts_where_numbers_are_compared_are_refused_in_both():
    features = customers([[1, 2]]).assign(recency_days="long ago")
    for place in (lambda: assign(definition(), features), lambda: to_expression(definition(), ibis.memtable(features))):
        with pytest.raises(DataError, match="column 'recency_days' has texts where the definition compares numbers"):
            place()


def test_weight_makes_a_feature_count_more_in_both():
    heavy = tuple(replace(item, weight=w) for item, w in zip(definition().transform.features, (0.1, 3.0), strict=True))
    one = definition(transform=replace(definition().transform, features=heavy))
    features = customers([[10, 99], [50, 300], [30, 5000], [300, 5000]])
    assert in_database(one, features) == assign(one, features)["segment"].tolist()
    assert assign(one, features)["segment"].tolist() != assign(definition(), features)["segment"].tolist()


CLOUDS = {
    "type": "gaussians",
    "covariance": "full",
    "weights": [0.6, 0.4],
    "means": [[0.0, 0.0], [2.0, 1.0]],
    "precision_cholesky": [[[1.0, -0.5], [0.0, 1.2]], [[0.5, 0.0], [0.0, 2.0]]],
    "log_det": [0.182321557, 0.0],
}
MIXED = {
    "type": "centroids",
    "centers": [[-1.0, 0.0, 1.0, 0.0, 0.2], [1.0, 0.0, 0.0, 0.8, 0.4]],
    "categories": {"city": {"levels": ["Beijing", "Tianjin", "(other)"], "weight": 1.3}},
}
CLASSES = {
    "type": "classes",
    "weights": [0.5, 0.5],
    "variables": {
        "city": {"Beijing": [0.7, 0.2], "Tianjin": [0.3, 0.8]},
        "recency_days": {"0": [0.5, 0.1], "1": [0.5, 0.9]},
    },
    "cuts": {"recency_days": [30.0]},
    "unseen": "ignore",
}
CITY = st.one_of(st.none(), st.sampled_from(["Beijing", "Tianjin", "Lhasa", ""]))


def two(**changes):
    pair = tuple(Segment(key, {"en": key, "zh": f"{key} 客群"}) for key in ("one", "two"))
    return definition(segments=pair, **changes)


@pytest.mark.parametrize(
    ("model", "method"),
    [(CLOUDS, "mixture"), (MIXED, "mixed"), (CLASSES, "classes")],
    ids=["clouds", "mixed", "classes"],
)
@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(NUMBER, NUMBER, CITY), min_size=1, max_size=30))
def test_every_kind_of_model_gives_the_same_segment_in_both(model, method, rows):
    features = customers([row[:2] for row in rows]).assign(city=pd.Series([row[2] for row in rows], dtype="str"))
    one = two(model=model, method=method)
    assert in_database(one, features) == assign(one, features)["segment"].tolist()
    assert SegmentDefinition.from_json(one.to_json()) == one


def test_classes_by_hand():
    features = customers([[10, 1], [50, 1], [None, 1], [10, 1], [None, 1]])
    features["city"] = ["Beijing", "Tianjin", "Beijing", "Lhasa", None]
    placed = assign(two(model=CLASSES, method="classes"), features)
    # an unseen city is ignored: one is placed by recency alone; without any value a customer is unknown
    assert placed["segment"].tolist() == ["one", "two", "one", "one", "unknown"]
