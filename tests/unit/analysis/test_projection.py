"""Projection on two principal components: by hand, at limits, and independent of the order of customers."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.clustering.projection import project


def matrix(rows, ids=None):
    names = [f"f{at}" for at in range(len(rows[0]))] if rows else ["f0"]
    return pd.DataFrame(rows, columns=names, index=pd.Index(ids or [f"c{at}" for at in range(len(rows))]), dtype=float)


def segments(frame, keys):
    return pd.DataFrame({"customer_id": frame.index, "segment": keys})


def test_two_directions_by_hand():
    frame = matrix([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    places, explained = project(frame, segments(frame, list("aabb")))
    assert places["x"].tolist() == pytest.approx([3, -3, 0, 0])
    assert places["y"].tolist() == pytest.approx([0, 0, 1, -1])
    assert places["segment"].tolist() == list("aabb")
    assert explained == pytest.approx((18 / 20, 2 / 20))


def test_segments_are_joined_by_customer_not_by_place():
    frame = matrix([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0]])
    assigned = segments(frame, list("abc")).iloc[::-1]
    places, _ = project(frame, assigned)
    assert places["segment"].tolist() == list("abc")


def test_a_customer_without_a_segment_is_placed_without_one():
    frame = matrix([[1.0, 0.0], [-1.0, 0.0]])
    places, _ = project(frame, segments(frame, list("ab")).head(1))
    assert places["segment"].isna().tolist() == [False, True]


def test_the_sign_is_that_of_the_largest_loading():
    frame = matrix([[-2.0, 0.1], [0.0, 0.0], [2.0, -0.1]])
    places, _ = project(frame, segments(frame, list("abc")))
    assert places["x"].is_monotonic_increasing


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_equal_loadings_take_the_sign_of_the_first_feature(slope):
    rng = np.random.default_rng(4)
    for _ in range(20):  # standardised pairs always load equally, but for the last digits
        first = rng.normal(size=50)
        second = slope * first + 0.3 * rng.normal(size=50)
        frame = matrix([list(pair) for pair in zip(first, second, strict=True)])
        frame = (frame - frame.mean()) / frame.std()
        places, _ = project(frame, segments(frame, ["a"] * 50))
        assert np.corrcoef(places["x"], frame["f0"])[0, 1] > 0


def test_one_feature_lies_on_a_line():
    frame = matrix([[1.0], [2.0], [6.0]])
    places, explained = project(frame, segments(frame, list("abc")))
    assert places["x"].tolist() == pytest.approx([-2, -1, 3])
    assert places["y"].tolist() == [0, 0, 0]
    assert explained == (1.0, 0.0)


@pytest.mark.parametrize("rows", [[[5.0, 5.0]] * 4, [[5.0, 5.0]]])
def test_equal_customers_and_one_alone_lie_in_one_place(rows):
    frame = matrix(rows)
    places, explained = project(frame, segments(frame, ["a"] * len(rows)))
    assert places[["x", "y"]].abs().to_numpy().max() == 0
    assert explained == (0.0, 0.0)


def test_no_customers_give_an_empty_frame():
    frame = matrix([])
    places, explained = project(frame, segments(frame, []))
    assert list(places) == ["x", "y", "segment"]
    assert (len(places), explained) == (0, (0.0, 0.0))


def test_a_matrix_without_features_gives_no_places():
    frame = pd.DataFrame(index=["c1", "c2"])
    places, explained = project(frame, segments(frame, list("ab")))
    assert (len(places), explained) == (0, (0.0, 0.0))


def test_shares_of_variance_do_not_exceed_one_and_fall():
    rng = np.random.default_rng(1)
    frame = matrix(rng.normal(size=(40, 5)).tolist())
    _, (first, second) = project(frame, segments(frame, ["a"] * 40))
    assert 1 > first >= second > 0
    assert first + second < 1


def test_the_order_of_the_customers_does_not_matter():
    rng = np.random.default_rng(2)
    frame = matrix(rng.normal(size=(30, 4)).tolist())
    assigned = segments(frame, [f"s{at % 3}" for at in range(30)])
    first, _ = project(frame, assigned)
    turned = frame.sample(frac=1, random_state=5)
    second, _ = project(turned, assigned)
    places = second.set_axis(turned.index).reindex(frame.index)
    np.testing.assert_allclose(places[["x", "y"]].to_numpy(), first[["x", "y"]].to_numpy(), atol=1e-8)
    assert places["segment"].tolist() == first["segment"].tolist()


def test_neither_frame_is_changed():
    frame = matrix([[1.0, 2.0], [3.0, 5.0]])
    assigned = segments(frame, list("ab"))
    before = frame.copy(), assigned.copy()
    project(frame, assigned)
    pd.testing.assert_frame_equal(frame, before[0])
    pd.testing.assert_frame_equal(assigned, before[1])
