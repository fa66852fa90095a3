"""Centres: computed by hand, the same in any row order, ties to the lowest index."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from workbench.analysis.clustering.centres import distances, fit_centres, nearest, sorted_rows


def test_two_pairs_of_points_have_their_middles_as_centres_the_larger_first():
    points = np.array([[0.0, 0], [0, 2], [10, 10], [10, 12]])
    assert fit_centres(points, 2).tolist() == [[10, 11], [0, 1]]


def test_a_tie_goes_to_the_lowest_index():
    centres = np.array([[1.0], [-1.0], [1.0]])
    assert nearest(np.array([[0.0], [0.9], [-5]]), centres).tolist() == [0, 0, 1]


def test_distances_are_squared_and_shaped_points_by_centres():
    assert distances(np.array([[0.0, 0]]), np.array([[3.0, 4], [0, 1]])).tolist() == [[25, 1]]


def test_row_order_seed_repeats_and_threads_give_the_same_bytes():
    points = np.random.default_rng(0).normal(size=(500, 3))
    one = fit_centres(points, 4, seed=3)
    assert one.tobytes() == fit_centres(points[::-1], 4, seed=3).tobytes()
    with threadpool_limits(limits=2):
        assert one.tobytes() == fit_centres(points, 4, seed=3).tobytes()


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("values", ["distinct", "shared", "one row", "nobody"])
def test_rows_are_sorted_by_their_columns_from_left_to_right(values, columns):
    rng = np.random.default_rng(4)
    rows = {"one row": 1, "nobody": 0}.get(values, 200)
    points = rng.normal(size=(rows, columns)) if values == "distinct" else rng.integers(0, 4, (rows, columns)) * 1.0
    expected = np.array(sorted(points.tolist())).reshape(points.shape)
    np.testing.assert_array_equal(sorted_rows(points), expected)
    np.testing.assert_array_equal(sorted_rows(sorted_rows(points)), expected)
