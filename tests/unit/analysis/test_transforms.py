"""Transforms: hand-computed coordinates, what is dropped and why, and invariants."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.clustering.transforms import Transform, apply_transform, prepare, skewed_columns
from workbench.core.errors import DataError


def frame(**columns):
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"customer_id": [f"c{i:03}" for i in range(n)], **columns})


def test_standard_scaling_by_hand():
    matrix, transform = prepare(frame(a=[1.0, 2, 3, 4, 5]), ["a"], log_columns=(), scaling="standard")
    assert transform.features[0].center == 3
    assert transform.features[0].scale == pytest.approx(np.sqrt(2), abs=1e-9)
    assert matrix["a"].tolist() == pytest.approx([-np.sqrt(2), -np.sqrt(0.5), 0, np.sqrt(0.5), np.sqrt(2)], abs=1e-8)


def test_robust_scaling_gives_a_normal_column_a_spread_of_1_and_outliers_stop_at_the_clip():
    values = np.random.default_rng(0).normal(50, 7, 4000)
    values[0] = 1e9
    matrix, _ = prepare(frame(a=values), ["a"], log_columns=())
    assert matrix["a"].iloc[1:].std() == pytest.approx(1, abs=0.05)
    assert matrix["a"].iloc[0] == 5


def test_logarithm_keeps_the_sign_of_net_refunds():
    features = frame(a=[-(np.e - 1), 0.0, np.e - 1, 5.0])
    matrix, transform = prepare(features, ["a"], log_columns=["a"], scaling="standard")
    how = transform.features[0]
    assert (matrix["a"] * how.scale + how.center).tolist()[:3] == pytest.approx([-1, 0, 1], abs=1e-8)


def test_missing_values_become_the_median_and_are_counted():
    features = frame(a=[1.0, np.nan, 3, 8, 9], b=[1.0, 2, 3, 4, 9])
    matrix, transform = prepare(features, ["a", "b"], log_columns=())
    assert transform.features[0].fill == 5.5
    assert [item.filled for item in transform.features] == [1, 0]
    assert matrix.loc["c001", "a"] == 0


def test_useless_columns_are_dropped_with_the_reason():
    features = frame(a=[1.0, 2, 3], same=[4, 4, 4], none=[np.nan] * 3, endless=[1.0, np.inf, 2])
    matrix, transform = prepare(features, ["a", "same", "none", "endless"])
    assert transform.dropped == {"same": "constant", "none": "all_missing", "endless": "infinite"}
    assert list(matrix.columns) == ["a"]


def test_customer_with_too_few_known_features_is_left_out_and_counted():
    features = frame(a=[1.0, 2, 3, np.nan], b=[1.0, 2, 9, np.nan], c=[3.0, 2, 9, 4])
    matrix, transform = prepare(features, ["a", "b", "c"])
    assert transform.min_known == 2
    assert (transform.customers, transform.left_out) == (3, 1)
    assert "c003" not in matrix.index


def test_row_order_does_not_matter_and_the_input_is_untouched():
    features = frame(a=[1.0, np.nan, 3, 8, 9], b=[1.0, 2, 3, 4, 9])
    before = features.copy()
    first = prepare(features, ["a", "b"])
    second = prepare(features.sample(frac=1, random_state=1), ["a", "b"])
    pd.testing.assert_frame_equal(first[0], second[0])
    assert first[1] == second[1]
    pd.testing.assert_frame_equal(features, before)


def test_transform_survives_json_and_applies_to_unseen_customers():
    features = frame(a=[1.0, 2, 3, 8, 9], b=[1.0, 2, 3, 4, 9])
    _, transform = prepare(features, ["a", "b"])
    repeated = Transform.from_dict(json.loads(json.dumps(transform.to_dict())))
    assert repeated.columns == ["a", "b"]
    unseen = frame(a=[5.0], b=[7.0])
    pd.testing.assert_frame_equal(apply_transform(repeated, unseen), apply_transform(transform, unseen))


def test_skewed_columns_are_those_with_a_long_right_tail():
    rng = np.random.default_rng(3)
    features = frame(spend=np.exp(rng.normal(3, 1, 500)), age=rng.normal(40, 10, 500), balance=rng.normal(0, 9, 500))
    assert skewed_columns(features, ["spend", "age", "balance"]) == ["spend"]


def test_all_faults_are_named_at_once():
    features = frame(recency_days=[1.0, 2], city=["x", "y"])
    with pytest.raises(DataError) as error:
        prepare(features, ["recency_dayz", "city"])
    assert "column 'recency_dayz' is missing. Did you mean 'recency_days'?" in str(error.value)
    assert "column 'city' has type str. numbers." in str(error.value)


def test_repeated_customer_is_refused():
    features = frame(a=[1.0, 2]).assign(customer_id="same")
    with pytest.raises(DataError, match=r"features: 1 repeated customer_id\. one row per customer\."):
        prepare(features, ["a"])


def test_none_and_one_customer_work():
    matrix, transform = prepare(frame(a=np.array([], dtype=float)), ["a"])
    assert len(matrix) == 0 and transform.customers == 0
    matrix, transform = prepare(frame(a=[3.0]), ["a"])
    assert transform.dropped == {"a": "constant"} and matrix.shape[1] == 0


def test_feature_that_alone_falls_apart_into_groups_counts_double_and_shared_values_do_not():
    rng = np.random.default_rng(0)
    apart = rng.normal(size=900) + 12 * rng.integers(0, 3, 900)
    features = frame(apart=apart, orders=rng.integers(1, 4, 900), spend=rng.exponential(size=900))
    matrix, _ = prepare(features, ["apart", "orders", "spend"], log_columns=())
    reach = (matrix.quantile(0.98) - matrix.quantile(0.02)).round(2)
    assert reach["apart"] == pytest.approx(8.21, abs=0.02)
    assert reach["orders"] == pytest.approx(4.11, abs=0.02)
    assert reach["spend"] == pytest.approx(4.11, abs=0.02)
    assert matrix["apart"].abs().max() < 5
