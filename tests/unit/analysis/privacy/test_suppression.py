"""Hidden counts: small ones, those that would give them away, and those that an earlier report hid."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from workbench.analysis.privacy.disclosure import derivable_intervals, is_protected_by_swap
from workbench.analysis.privacy.memory import CellMemory, remembering
from workbench.analysis.privacy.suppression import is_dominated, small_cells

LEAST = 10


def _hidden(rows, **labels):
    return small_cells(pd.DataFrame(rows, **labels)).to_numpy().tolist()


def test_no_cell_is_hidden_where_all_are_large_or_empty():
    assert _hidden([[10, 0], [50, 200]]) == [[False, False], [False, False]]


def test_a_single_small_cell_takes_cover_in_its_row_and_column():
    hidden = _hidden([[4, 30, 90], [50, 60, 70], [80, 90, 100]])
    assert hidden == [[True, True, False], [True, True, False], [False, False, False]]


def test_two_small_cells_that_sum_to_less_than_10_take_a_third():
    assert _hidden([[1, 1, 30, 90]])[0] == [True, True, True, False]


def test_hidden_counts_can_never_be_subtracted_out_of_a_row_or_column():
    draw = np.random.default_rng(11)
    for _ in range(200):
        counts = pd.DataFrame(draw.poisson(draw.choice([2, 12, 60], size=(4, 5))))
        hidden = small_cells(counts)
        assert hidden[(counts > 0) & (counts < 10)].stack().all()
        for axis in (0, 1):
            at, total = hidden.sum(axis=axis), counts.where(hidden).sum(axis=axis)
            length = counts.shape[axis]
            assert ((at == 0) | (at == length) | ((at >= 2) & (total >= 10))).all()


def test_hiding_does_not_change_the_counts_it_is_given():
    counts = pd.DataFrame([[4, 30], [50, 60]])
    before = counts.copy()
    small_cells(counts)
    pd.testing.assert_frame_equal(counts, before)


@pytest.mark.parametrize(("counts", "hidden"), [([[5, 5, 30, 90]], 3), ([[9, 3, 30, 90]], 2), ([[6, 6, 30]], 2)])
def test_small_counts_that_leave_each_other_too_little_room_take_another(counts, hidden):
    # of two hidden counts that are 10 together, each is from 1 to 9
    assert small_cells(pd.DataFrame(counts)).to_numpy().sum() == hidden


def widths(counts, hidden):
    small = [(int(row), int(column)) for row, column in np.argwhere((counts > 0) & (counts < LEAST))]
    return [high - low for low, high in derivable_intervals(counts, hidden, small)]


def test_the_interval_is_that_of_linear_programming_by_hand():
    counts = np.array([[4.0, 20, 60], [30, 50, 70], [80, 90, 15]])
    hidden = np.array([[True, True, False], [True, True, False], [False, False, False]])
    # 4 + 20 = 24 in the row, 4 + 30 in the column: the small one is from 1 to 23, held by 20 + 50 below 0 never
    assert derivable_intervals(counts, hidden, [(0, 0)]) == [(1.0, 23.0)]
    assert is_protected_by_swap(counts, hidden, (0, 0), 10) and not is_protected_by_swap(counts, hidden, (0, 0), 30)


def test_no_reader_of_one_table_with_both_totals_can_derive_a_small_count():
    draw, narrow, checked = np.random.default_rng(5), 0, 0
    for _ in range(150):
        shape = (int(draw.integers(2, 6)), int(draw.integers(2, 7)))
        counts = pd.DataFrame(draw.poisson(draw.choice([3, 8, 15, 40], size=shape)))
        table, hidden = counts.to_numpy(dtype=float), small_cells(counts).to_numpy()
        if hidden.all() or not ((table > 0) & (table < LEAST)).any():
            continue
        checked += 1
        narrow += any(width < LEAST for width in widths(table, hidden))
    assert checked > 80
    assert narrow == 0


def test_lines_alone_are_not_enough():
    """The rectangle that protects a count need not be one that lines have covered."""
    counts = pd.DataFrame([[2, 14, 60, 70], [15, 90, 80, 3], [75, 60, 11, 80], [60, 4, 70, 16]])
    table, hidden = counts.to_numpy(dtype=float), small_cells(counts).to_numpy()
    assert all(width >= LEAST for width in widths(table, hidden)) and not hidden.all()


CITIES = {
    "A": [0.4, 0.3, 0.2, 0.1],
    "B": [0.3, 0.3, 0.32, 0.08],
    "C": [0.5, 0.36, 0.07, 0.07],
    "D": [0.1, 0.2, 0.3, 0.4],
}


def months(seed, people=200, count=12):
    """Yield the table of a growing customer base, month by month: segment by city."""
    draw = np.random.default_rng(seed)
    total = people + 6 * count
    segments = draw.choice(list(CITIES), total, p=[0.35, 0.25, 0.2, 0.2])
    cities = [draw.choice(["Beijing", "Shanghai", "Wuhan", "Xian"], p=CITIES[segment]) for segment in segments]
    frame = pd.DataFrame({"segment": segments, "city": cities})
    labels = pd.MultiIndex.from_product([list("ABCD"), sorted(frame["city"].unique())])
    for month in range(count):
        counts = frame.head(people + 6 * month).value_counts(["segment", "city"]).reindex(labels, fill_value=0)
        yield counts.unstack()


def attack(reports):
    """Return the narrowest interval of a small count, known from all reports together.

    The reader knows that customers only join, so that no count falls; and of each month the totals and what is shown.
    """
    rows, columns = reports[0][0].shape
    cells, size = len(reports), rows * columns
    table = np.stack([counts.to_numpy(dtype=float) for counts, _ in reports]).reshape(cells, size)
    hidden = np.stack([mask.to_numpy() for _, mask in reports]).reshape(cells, size)
    names = np.arange(cells * size).reshape(cells, size)
    bounds = [
        (min(1.0, count), None) if mask else (count, count)
        for count, mask in zip(table.ravel(), hidden.ravel(), strict=True)
    ]
    equal, sums, less = [], [], []
    for month in range(cells):
        grid, values = names[month].reshape(rows, columns), table[month].reshape(rows, columns)
        for line, amounts in [*zip(grid, values, strict=True), *zip(grid.T, values.T, strict=True)]:
            equal.append(np.bincount(line, minlength=cells * size))
            sums.append(amounts.sum())
        for cell in range(size if month else 0):
            row = np.zeros(cells * size)
            row[names[month - 1, cell]], row[names[month, cell]] = 1, -1
            less.append(row)
    narrowest = np.inf
    for place in np.flatnonzero((table.ravel() > 0) & (table.ravel() < LEAST)):
        assert hidden.ravel()[place]
        cost = np.zeros(cells * size)
        cost[place] = 1
        ends = [
            linprog(sign * cost, A_ub=np.array(less), b_ub=np.zeros(len(less)), A_eq=np.array(equal), b_eq=sums,
                    bounds=bounds, method="highs").fun
            for sign in (1, -1)
        ]  # fmt: skip
        narrowest = min(narrowest, round(-ends[1] - ends[0]))
    return narrowest


def published(tables, *, memory):
    """Return the reports of a sequence of months, each with what the one before it hid, if it is remembered."""
    reports, text = [], "{}"
    for counts in tables:
        if not memory:
            reports.append((counts, small_cells(counts)))
            continue
        with remembering(CellMemory.from_json(text)) as cells:
            reports.append((counts, small_cells(counts, name="city by segment")))
        text = cells.to_json()
    return reports


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_twelve_reports_of_two_hundred_people_give_no_small_count_away(seed):
    reports = published(months(seed), memory=True)
    assert min((~mask).to_numpy().sum() for _, mask in reports) >= 4
    assert attack(reports) >= LEAST


def test_without_memory_two_reports_do_give_it_away():
    assert min(attack(published(list(months(seed))[:4], memory=False)) for seed in range(1, 6)) < LEAST


def test_what_was_hidden_is_shown_again_together_when_nothing_in_the_table_is_small():
    first, text = pd.DataFrame({"n": [4, 30, 90]}, index=["a", "b", "c"]), "{}"
    masks = []
    for counts in ([4, 30, 90], [9, 31, 90], [11, 31, 95], [19, 45, 99], [20, 47, 99]):
        with remembering(CellMemory.from_json(text)) as cells:
            masks.append(small_cells(first.assign(n=counts), rows=False, name="t")["n"].tolist())
        text = cells.to_json()
    assert masks == [[True, True, False]] * 4 + [[False, False, False]]


def test_the_memory_of_one_table_is_not_that_of_another_and_survives_a_run_without_it():
    memory = CellMemory()
    with remembering(memory):
        small_cells(pd.DataFrame({"n": [3, 20]}, index=["a", "b"]), rows=False, name="one")
    with remembering(CellMemory.from_json(memory.to_json())) as later:
        assert not small_cells(pd.DataFrame({"n": [12, 20]}, index=["a", "b"]), rows=False, name="two").any(axis=None)
        assert not small_cells(pd.DataFrame({"n": [12, 20]}, index=["a", "b"]), rows=False).any(axis=None)
    with remembering(CellMemory.from_json(later.to_json())):
        assert small_cells(pd.DataFrame({"n": [12, 20]}, index=["a", "b"]), rows=False, name="one")["n"].all()


@pytest.mark.parametrize(
    ("values", "dominated"), [([81, 19], True), ([80, 20], False), ([-90, 5], True), ([], False), ([0, 0], False)]
)
def test_a_sum_that_one_customer_dominates_is_none_to_show(values, dominated):
    assert is_dominated(np.array(values)) is dominated
