"""What a reader can derive about hidden counts from those that are shown.

A reader knows the totals of the rows and columns of a table, every count that is shown, and that a hidden count is at
least 1, since empty cells are shown as 0. From that follows an interval for each hidden count, by linear programming;
its ends are whole numbers, since the constraints are those of a transport problem.
"""

from __future__ import annotations

import numpy as np

__all__ = ["derivable_intervals", "is_protected_by_swap"]


def derivable_intervals(
    counts: np.ndarray, hidden: np.ndarray, cells: list[tuple[int, int]], *, rows: bool = True
) -> list[tuple[float, float]]:
    """Return the smallest and largest value that each of some hidden counts can have.

    Parameters
    ----------
    counts : array of shape (groups, values)
    hidden : array of bool, same shape
    cells : list of (int, int)
        Hidden cells, by row and column.
    rows : bool
        Whether the totals of rows are known too, besides those of columns.

    Returns
    -------
    list of (float, float)
        In the order of ``cells``.
    """
    from scipy.optimize import linprog  # noqa: PLC0415  (takes a third of a second)

    at = np.argwhere(hidden)
    names, number = {(int(row), int(column)): place for place, (row, column) in enumerate(at)}, len(at)
    lines = [(at[:, 1] == column) for column in range(counts.shape[1]) if hidden[:, column].any()]
    lines += [(at[:, 0] == row) for row in range(counts.shape[0]) if rows and hidden[row].any()]
    matrix = np.array(lines, dtype=float)
    sums = matrix @ counts[hidden]
    bounds = [(min(1.0, count), None) for count in counts[hidden]]
    intervals = []
    for cell in cells:
        cost = np.zeros(number)
        cost[names[cell]] = 1.0
        low, high = (linprog(sign * cost, A_eq=matrix, b_eq=sums, bounds=bounds, method="highs") for sign in (1, -1))
        intervals.append((float(np.round(low.fun)), float(np.round(-high.fun))))
    return intervals


def is_protected_by_swap(counts: np.ndarray, hidden: np.ndarray, cell: tuple[int, int], least: int) -> bool:
    """Say whether swaps along four hidden cells each leave a hidden count open over ``least`` values.

    A swap moves customers between the corners of a rectangle, so that no total changes; swaps that share the cell add
    up as long as none empties a corner. It is quick, and enough for most cells; where it says no, the interval decides.
    """
    row, column = cell
    beside = np.flatnonzero(hidden[row] & (np.arange(counts.shape[1]) != column))
    below = np.flatnonzero(hidden[:, column] & (np.arange(counts.shape[0]) != row))
    corners = hidden[np.ix_(below, beside)]
    if not corners.any():
        return False
    spare = np.maximum(counts[np.ix_(below, beside)] - 1, 0)
    open_values = min(max(counts[row, column] - 1, 0), float(spare[corners].sum()))
    in_row, in_column = np.maximum(counts[row, beside] - 1, 0), np.maximum(counts[below, column] - 1, 0)
    for at, capacity in enumerate(in_column):
        for other in np.flatnonzero(corners[at] & (in_row > 0)):
            moved = min(capacity, in_row[other])
            capacity -= moved  # noqa: PLW2901
            in_row[other] -= moved
            open_values += moved
            if open_values >= least:
                return True
            if capacity == 0:
                break
    return bool(open_values >= least)
