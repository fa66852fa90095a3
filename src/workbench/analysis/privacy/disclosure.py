"""What a reader can derive about hidden counts from the counts that are shown.

A reader knows the totals of the rows and columns of a table and every count that is shown. A hidden count is at least
1, since empty cells are shown as 0. Linear programming gives the interval of each hidden count. Its limits are whole
numbers, since the constraints are those of a transportation problem.
"""

from __future__ import annotations

import numpy as np

__all__ = ["derivable_intervals", "is_protected_by_swap"]


def derivable_intervals(
    counts: np.ndarray, hidden: np.ndarray, cells: list[tuple[int, int]], *, rows: bool = True
) -> list[tuple[float, float]]:
    """Return the smallest and largest possible value of hidden counts.

    Parameters
    ----------
    counts : array of shape (groups, values)
    hidden : array of bool, same shape
    cells : list of (int, int)
        Row and column of the hidden cells to bound.
    rows : bool
        Whether the totals of rows are known, as well as those of columns.

    Returns
    -------
    list of (float, float)
        In the order of ``cells``.
    """
    from scipy.optimize import linprog  # noqa: PLC0415  (takes a third of a second)

    positions = np.argwhere(hidden)
    variable_of, n_hidden = (
        {(int(row), int(column)): place for place, (row, column) in enumerate(positions)},
        len(positions),
    )
    constraints = [(positions[:, 1] == column) for column in range(counts.shape[1]) if hidden[:, column].any()]
    constraints += [(positions[:, 0] == row) for row in range(counts.shape[0]) if rows and hidden[row].any()]
    matrix = np.array(constraints, dtype=float)
    sums = matrix @ counts[hidden]
    bounds = [(min(1.0, count), None) for count in counts[hidden]]
    intervals = []
    for cell in cells:
        cost = np.zeros(n_hidden)
        cost[variable_of[cell]] = 1.0
        low, high = (linprog(sign * cost, A_eq=matrix, b_eq=sums, bounds=bounds, method="highs") for sign in (1, -1))
        intervals.append((float(np.round(low.fun)), float(np.round(-high.fun))))
    return intervals


def is_protected_by_swap(counts: np.ndarray, hidden: np.ndarray, cell: tuple[int, int], least: int) -> bool:
    """Return whether swaps alone show that a hidden count has at least ``least`` possible values.

    A swap moves customers between four hidden cells at the corners of a rectangle, so that no total changes. Swaps that
    share the cell add up as long as none empties a corner. This check is fast and suffices for most cells; where it
    fails, ``derivable_intervals`` decides.
    """
    row, column = cell
    hidden_columns = np.flatnonzero(hidden[row] & (np.arange(counts.shape[1]) != column))
    hidden_rows = np.flatnonzero(hidden[:, column] & (np.arange(counts.shape[0]) != row))
    corners = hidden[np.ix_(hidden_rows, hidden_columns)]
    if not corners.any():
        return False
    spare = np.maximum(counts[np.ix_(hidden_rows, hidden_columns)] - 1, 0)
    open_values = min(max(counts[row, column] - 1, 0), float(spare[corners].sum()))
    in_row, in_column = np.maximum(counts[row, hidden_columns] - 1, 0), np.maximum(counts[hidden_rows, column] - 1, 0)
    for corner_row, capacity in enumerate(in_column):
        for corner_column in np.flatnonzero(corners[corner_row] & (in_row > 0)):
            moved = min(capacity, in_row[corner_column])
            capacity -= moved  # noqa: PLW2901
            in_row[corner_column] -= moved
            open_values += moved
            if open_values >= least:
                return True
            if capacity == 0:
                break
    return bool(open_values >= least)
