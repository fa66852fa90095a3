"""Evidence for recommendations: the customer's purchase rhythm, and companion items. Serves 07_mine_affinities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.analysis.intervals import wilson
from workbench.analysis.recommendations.methods import MOST_ITEMS, gram

if TYPE_CHECKING:
    from workbench.analysis.recommendations.history import History

__all__ = ["LEAST_BUYERS", "Companions", "Rhythm", "count_buyers"]

LEAST_BUYERS = 10  # fewest buyers of an item named as a reason
_CODE_BITS = 32
_ROWS = 512  # items per block of intervals


class Rhythm:
    """How often, how regularly and how recently a customer bought an item.

    Parameters
    ----------
    history : History
    """

    def __init__(self, history: History):
        self.history = history
        self.first, self.last = history.first_days(), history.last_days()

    def of(self, customers: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
        """Return bought (purchase days), every_days (mean gap) and last_days (days since the last purchase).

        every_days is missing for items bought once.
        """
        counts = self.history.counts
        at = _positions(counts.indptr, counts.indices, customers, items)
        bought = counts.data[at].astype(np.int64)
        first, last = self.first[at], self.last[at]
        gaps = np.where(bought > 1, (last - first) / np.maximum(bought - 1, 1), np.nan)
        return {"bought": bought, "every_days": np.round(gaps), "last_days": self.history.until - last}


class Companions:
    """Finds the bought item that best explains a recommended one: the largest share of its buyers bought that too.

    Shares are compared by their lower limit (95 %, Wilson), so that an item with few buyers is not picked by chance.
    Items with fewer than ``LEAST_BUYERS`` buyers are not considered.

    Parameters
    ----------
    history : History
    """

    def __init__(self, history: History):
        self.history = history
        self.buyers = count_buyers(history)
        self.top = history.counts[:, :MOST_ITEMS]
        self.both = gram((self.top > 0).astype(np.float32))
        self.low = self._lower_bounds()
        self.customers = max(len(np.unique(history.customer)), 1)

    def _lower_bounds(self) -> np.ndarray:
        buyers = self.buyers[: len(self.both)]
        low = np.zeros(self.both.shape, dtype=np.float32)
        for start in range(0, len(low), _ROWS):
            part = slice(start, start + _ROWS)
            low[part] = np.nan_to_num(wilson(self.both[part], buyers[part, None])[0])
        low[buyers < LEAST_BUYERS] = 0
        return low

    def of(self, customers: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
        """Return because (the bought item), buyers, share and base of each recommended item.

        because, buyers and share are missing if no bought item has a share whose lower limit exceeds base, the share of
        all customers who bought the recommended item.
        """
        starts, sizes = self.top.indptr[customers], np.diff(self.top.indptr)[customers]
        because = np.full(len(items), None, dtype=object)
        share, buyers = np.full(len(items), np.nan), np.full(len(items), np.nan)
        base = self.buyers[items] / self.customers
        filled = np.flatnonzero(sizes > 0)
        if len(filled):
            ends = np.cumsum(sizes[filled])
            positions = np.repeat(starts[filled] - (ends - sizes[filled]), sizes[filled]) + np.arange(int(ends[-1]))
            owned = self.top.indices[positions].astype(np.int64)
            bounds = self.low[owned, np.repeat(items[filled], sizes[filled])]
            # one key per item: the largest lower limit wins, of equal ones the most popular item
            keys = (bounds.view(np.int32).astype(np.int64) << _CODE_BITS) + (MOST_ITEMS - owned)
            best = np.maximum.reduceat(keys, ends - sizes[filled])
            bound = (best >> _CODE_BITS).astype(np.int32).view(np.float32)
            code = MOST_ITEMS - (best & ((1 << _CODE_BITS) - 1))
            clear = bound > base[filled]
            chosen, at = code[clear], filled[clear]
            because[at], buyers[at] = self.history.items[chosen], self.buyers[chosen]
            share[at] = self.both[chosen, items[at]] / self.buyers[chosen]
        return {"because": because, "buyers": buyers, "share": share, "base": base}


def count_buyers(history: History) -> np.ndarray:
    """Count the customers who bought each item."""
    return np.bincount(history.counts.indices, minlength=len(history.items))


def _positions(indptr: np.ndarray, indices: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the positions of existing entries in a sparse matrix whose columns ascend within a row; rows ascend."""
    first = np.searchsorted(rows, np.unique(rows))
    distinct = rows[first]
    sizes = np.diff(indptr)[distinct]
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    positions = np.repeat(indptr[distinct].astype(np.int64) - (ends - sizes), sizes) + np.arange(total)
    width = np.int64(indices.max(initial=0)) + 1
    keys = np.repeat(np.arange(len(distinct), dtype=np.int64), sizes) * width + indices[positions]
    entry_keys = np.searchsorted(distinct, rows) * width + columns
    return positions[np.searchsorted(keys, entry_keys)] if total else np.zeros(len(rows), dtype=np.int64)
