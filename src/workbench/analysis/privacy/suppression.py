"""Primary and complementary suppression of counts, so that no reader can derive a small one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.privacy.disclosure import derivable_intervals, is_protected_by_swap
from workbench.analysis.privacy.memory import active_memory

__all__ = ["DOMINANCE", "is_dominated", "small_cells"]

DOMINANCE = 0.8  # largest share of a sum that one customer may have


def small_cells(
    counts: pd.DataFrame,
    *,
    least: int = SMALL_CELL,
    hide: np.ndarray | None = None,
    rows: bool = True,
    name: str | None = None,
) -> pd.DataFrame:
    """Mark the cells of a cross table that must not be shown.

    Primary suppression: counts from 1 to ``least`` - 1 are marked. Complementary suppression: further counts are
    marked until the interval that a reader can derive for each small count is at least ``least`` wide. A line (row or
    column) needs at least two hidden counts with enough customers. Cells are preferred whose crossing line already has
    marked cells, then the smallest. In a table with totals of both rows and columns this may leave too narrow an
    interval; then four cells at the corners of a rectangle are marked. Empty cells are shown as 0 unless they are
    needed for complementary suppression.

    Parameters
    ----------
    counts : DataFrame of int >= 0
        Customers by group (rows) and value (columns); each customer is in one cell.
    least : int
        The smallest count that may be shown.
    hide : array of bool, optional
        Cells hidden for another reason; they get complementary suppression too.
    rows : bool
        Whether the cells of a row add up to a published total; otherwise only columns get complementary suppression.
    name : str, optional
        Name of the table, the same in every run. If a memory is in use (`workbench.analysis.privacy.memory`), cells
        that an earlier run hid stay hidden until all are at least twice ``least``, and so do empty cells.

    Returns
    -------
    DataFrame of bool, same labels
        True where the cell must not be shown.
    """
    table = counts.to_numpy(dtype=float)
    small = (table > 0) & (table < least)
    hidden = small.copy()
    if hide is not None:
        hidden |= hide
    memory = active_memory() if name is not None else None
    if memory and name:
        hidden |= memory.still_hidden(name, counts, least=least)
        if rows and hidden.any():
            hidden |= table < least  # a cell shown as empty now would later reveal its first customers
    _cover_lines(table, hidden, least, rows=rows)
    if rows and min(table.shape, default=0) > 1:
        _cover_rectangles(table, hidden, small, least)
    if memory and name:
        memory.remember(name, counts, hidden)
    return pd.DataFrame(hidden, index=counts.index, columns=counts.columns)


def is_dominated(values: np.ndarray) -> bool:
    """Return whether one customer has more than `DOMINANCE` of a sum, so that the sum reveals that customer's amount.

    Parameters
    ----------
    values : array of float
        Amount of each customer; negative amounts count by their absolute value.
    """
    sizes = np.abs(np.asarray(values, dtype=float))
    return bool(sizes.size and sizes.sum() > 0 and sizes.max() > DOMINANCE * sizes.sum())


def _cover_lines(table: np.ndarray, hidden: np.ndarray, least: int, *, rows: bool) -> None:
    """Hide further counts until no row or column reveals a hidden count."""
    views = [(table, hidden)] * rows + [(table.T, hidden.T)]
    before = -1
    while before != int(hidden.sum()):
        before = int(hidden.sum())
        for view, mask in views:
            for row in range(view.shape[0]):
                _cover(view[row], mask[row], mask.sum(axis=0), least)


def _cover(counts: np.ndarray, hidden: np.ndarray, crossing: np.ndarray, least: int) -> None:
    """Hide further counts of one line until each hidden one can have ``least`` values.

    One of k hidden counts, each at least 1, lies between 1 and their sum less k - 1. Counts whose crossing line already
    has hidden cells are preferred, so that fewer cells are hidden in all; then the smallest.
    """
    while hidden.any() and not hidden.all() and (hidden.sum() == 1 or counts[hidden].sum() < least + hidden.sum()):
        visible = np.flatnonzero(~hidden)
        nonempty = visible[counts[visible] > 0]
        candidates = nonempty if nonempty.size else visible
        order = np.lexsort((candidates, counts[candidates], crossing[candidates] == 0))
        hidden[candidates[order[0]]] = True


def _cover_rectangles(table: np.ndarray, hidden: np.ndarray, small: np.ndarray, least: int) -> None:
    """Hide the corners of rectangles around the small counts that can be derived.

    Each count is checked only once, since hiding more cells never narrows its interval.
    """
    for row, column in np.argwhere(small):
        cell = (int(row), int(column))
        while not hidden.all() and not _is_protected(table, hidden, cell, least):
            corners = _rectangle(table, hidden, cell, least)
            if corners is None:
                break
            for corner in corners:
                hidden[corner] = True
            _cover_lines(table, hidden, least, rows=True)


def _is_protected(table: np.ndarray, hidden: np.ndarray, cell: tuple[int, int], least: int) -> bool:
    if is_protected_by_swap(table, hidden, cell, least):
        return True
    low, high = derivable_intervals(table, hidden, [cell])[0]
    return high - low >= least


def _rectangle(
    table: np.ndarray, hidden: np.ndarray, cell: tuple[int, int], least: int
) -> list[tuple[int, int]] | None:
    """Return three cells that form a protecting rectangle with ``cell`` and hide the fewest further customers.

    If there is no such rectangle, return the cells of the row, else of the column, that are not yet hidden; None if
    all are hidden.
    """
    row, column = cell
    others, columns = (np.delete(np.arange(size), index) for size, index in zip(table.shape, cell, strict=True))
    cost = np.where(hidden, 0.0, table)
    more = np.minimum(table[row, columns][None, :], table[others, column][:, None]) - 1
    fewer = np.minimum(table[np.ix_(others, columns)], table[row, column]) - 1
    prices = cost[row, columns][None, :] + cost[others, column][:, None] + cost[np.ix_(others, columns)]
    prices = np.where((more + fewer >= least) & (prices > 0), prices, np.inf)
    if np.isfinite(prices).any():
        row_index, value_index = np.unravel_index(int(np.argmin(prices)), prices.shape)
        other, value = int(others[row_index]), int(columns[value_index])
        return [(row, value), (other, column), (other, value)]
    rest = [(row, int(value)) for value in columns if not hidden[row, value]]
    rest = rest or [(int(other), column) for other in others if not hidden[other, column]]
    return rest or None
