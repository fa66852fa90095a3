"""Placements compared: hand-counted matrices, an index that ignores names, moves explained by differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.segments.migration import compare_placements, explain_moves
from workbench.core.errors import DataError


def placed(segments: str) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": [f"c{at:04d}" for at in range(len(segments))], "segment": list(segments)})


def test_the_matrix_counts_every_pair_and_its_share_of_the_segment_left():
    result = compare_placements(placed("aaaabb"), placed("aaabba"))
    counts = {(row.before, row.after): (row.n, row.share) for row in result.matrix.itertuples()}
    assert counts == {("a", "a"): (3, 0.75), ("a", "b"): (1, 0.25), ("b", "b"): (1, 0.5), ("b", "a"): (1, 0.5)}
    assert (result.customers, result.moved) == (6, 2)
    assert (
        result.matrix["low"].lt(result.matrix["share"]).all() and result.matrix["high"].gt(result.matrix["share"]).all()
    )


def test_other_names_for_the_same_parts_give_an_index_of_one():
    result = compare_placements(placed("aaabbb"), placed("xxxyyy"))
    assert result.adjusted_rand == 1.0
    assert result.moved == 6  # called differently, all the same


def test_the_adjusted_rand_index_of_a_worked_example():
    # Hubert & Arabie (1985): pairs in the same part of both 2, of the first 7, of the second 6, of all 28
    result = compare_placements(placed("aaaabbcc"), placed("xxyyxyzz"))
    together, first, second, pairs = 3, 6 + 1 + 1, 3 + 3 + 1, 28
    expected = first * second / pairs
    assert result.adjusted_rand == pytest.approx((together - expected) / ((first + second) / 2 - expected))


def test_customers_of_one_placement_alone_are_counted_not_compared():
    result = compare_placements(placed("aab"), placed("aa"))
    assert (result.customers, result.only_before, result.only_after) == (2, 1, 0)


def test_the_order_of_rows_does_not_matter():
    before, after = placed("aabbab" * 20), placed("abbbaa" * 20)
    shuffled = compare_placements(before.sample(frac=1, random_state=1), after.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(shuffled.matrix, compare_placements(before, after).matrix)


def test_moves_are_explained_by_the_feature_that_moved_them():
    before, after = placed("a" * 200), placed("a" * 100 + "b" * 100)
    rng = np.random.default_rng(3)
    spend = np.r_[rng.normal(10, 2, 100), rng.normal(30, 2, 100)]
    features = pd.DataFrame({"customer_id": before["customer_id"], "spend": spend, "noise": rng.normal(size=200)})
    result = explain_moves(before, after, features)
    assert result["feature"].tolist() == ["spend"]
    row = result.iloc[0]
    assert (row["before"], row["after"], row["n"]) == ("a", "b", 100)
    assert row["mean_moved"] == pytest.approx(spend[100:].mean())
    assert row["effect_low"] > 0.5


def test_moves_of_a_handful_are_not_explained():
    before, after = placed("a" * 50), placed("a" * 45 + "b" * 5)
    features = pd.DataFrame({"customer_id": before["customer_id"], "spend": np.arange(50.0)})
    assert explain_moves(before, after, features).empty


def test_a_customer_placed_twice_is_refused():
    twice = pd.concat([placed("ab"), placed("a")])
    with pytest.raises(DataError, match="1 customers repeat"):
        compare_placements(placed("ab"), twice)
