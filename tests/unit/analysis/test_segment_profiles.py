"""Profiles: hand-computed differences, intervals that cover the truth, and segments without customers."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.segments.profiles import profile_segments, segment_sizes, strongest_differences


def table(values, segments):
    ids = [f"c{i:04}" for i in range(len(values))]
    features = pd.DataFrame({"customer_id": ids, "spend": np.array(values, dtype=float)})
    return features, pd.DataFrame({"customer_id": ids, "segment": segments})


def test_sizes_follow_the_definition_and_count_empty_segments():
    _, assigned = table([1, 2, 3, 4], ["b", "b", "a", "b"])
    sizes = segment_sizes(assigned, ["a", "b", "c", "unknown"])
    assert sizes["segment"].tolist() == ["a", "b", "c"]
    assert sizes["n"].tolist() == [1, 3, 0]
    assert sizes["share"].tolist() == [0.25, 0.75, 0]
    assert (sizes["low"] <= sizes["share"]).all() and (sizes["share"] <= sizes["high"]).all()


def test_difference_by_hand():
    features, assigned = table([1, 3, 5, 7], ["a", "a", "b", "b"])
    result = profile_segments(features, assigned, ["spend"]).set_index("segment")
    # mean 4, sd sqrt(5); a: 2 - 4
    assert result.loc["a", "difference"] == pytest.approx(-2 / np.sqrt(5))
    assert result.loc["a", ["n", "mean", "median", "base_mean"]].tolist() == [2, 2, 2, 4]
    half = 1.959964 * np.sqrt(2 / 2 + 2 / 2) * 0.5 / np.sqrt(5)
    assert result.loc["a", "high"] == pytest.approx(-2 / np.sqrt(5) + half, abs=1e-5)


def test_interval_covers_no_difference_at_its_nominal_rate():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        features, assigned = table(rng.normal(size=120), np.where(np.arange(120) < 40, "a", "b"))
        row = profile_segments(features, assigned, ["spend"]).iloc[0]
        covered += row["low"] <= 0 <= row["high"]
    assert 180 <= covered <= 199


def test_missing_values_are_left_out_and_counted_and_one_customer_has_no_interval():
    features, assigned = table([1, np.nan, 5, 7, 9], ["a", "a", "b", "b", "b"])
    result = profile_segments(features, assigned, ["spend"]).set_index("segment")
    assert result.loc["a", ["n", "n_known"]].tolist() == [2, 1]
    assert np.isnan(result.loc["a", "low"]) and result.loc["a", "difference"] < 0


def test_all_equal_and_all_missing_have_no_difference():
    for values in ([3, 3, 3], [np.nan] * 3):
        features, assigned = table(values, ["a", "a", "b"])
        assert profile_segments(features, assigned, ["spend"])["difference"].isna().all()


def test_row_order_does_not_matter_and_scaled_features_decide_the_difference():
    features, assigned = table(np.exp(np.arange(8.0)), list("aabbaabb"))
    matrix = features.set_index("customer_id")[["spend"]].map(np.log)
    one = profile_segments(features, assigned, ["spend"], matrix=matrix)
    pd.testing.assert_frame_equal(one, profile_segments(features[::-1], assigned, ["spend"], matrix=matrix[::-1]))
    # log spend 0, 1, 4, 5 against 0..7: mean 2.5 - 3.5, sd sqrt(5.25)
    assert one.loc[0, "difference"] == pytest.approx(-1 / np.sqrt(5.25))


def test_strongest_differences_keep_only_what_is_sure():
    profile = pd.DataFrame(
        {
            "segment": ["a"] * 3 + ["b"],
            "feature": ["x", "y", "z", "x"],
            "difference": [0.5, -2.0, 3.0, 0.1],
            "low": [0.4, -2.5, -1.0, 0.05],
            "high": [0.6, -1.5, 7.0, 0.2],
        }
    )
    result = strongest_differences(profile, top=2)
    assert result[["segment", "feature"]].to_numpy().tolist() == [["a", "y"], ["a", "x"], ["b", "x"]]
