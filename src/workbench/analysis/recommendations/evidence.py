"""The figures behind a recommendation: a customer's rhythm with an item, and the item's companions. Serves 07."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.analysis.intervals import wilson
from workbench.analysis.recommendations.methods import MOST_ITEMS, gram

if TYPE_CHECKING:
    from workbench.analysis.recommendations.history import History

__all__ = ["LEAST_BUYERS", "Companions", "Rhythm", "count_buyers"]

LEAST_BUYERS = 10  # of an item that a reason names
_CODE_BITS = 32
_ROWS = 512  # items whose intervals are computed at once


class Rhythm:
    """How often, how regularly and when last a customer bought an item.

    Parameters
    ----------
    history : History
    """

    def __init__(self, history: History):
        self.history = history
        self.first, self.last = history.first_days(), history.last_days()

    def of(self, customers: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
        """Return bought (days), every_days (mean gap, missing if bought once) and last_days of bought items."""
        counts = self.history.counts
        at = _places(counts.indptr, counts.indices, customers, items)
        bought = counts.data[at].astype(np.int64)
        first, last = self.first[at], self.last[at]
        gaps = np.where(bought > 1, (last - first) / np.maximum(bought - 1, 1), np.nan)
        return {"bought": bought, "every_days": np.round(gaps), "last_days": self.history.until - last}


class Companions:
    """The bought item whose buyers most clearly bought a recommended one more often than customers as a whole.

    Of the items a customer has bought, the one with the highest lower bound of the share (95 %, Wilson): a share of few
    buyers does not win by chance. Items with fewer than ``LEAST_BUYERS`` buyers are not considered.

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
        """Return because, its buyers, share and base of recommended items.

        because and share are missing where no item the customer bought has buyers of whom, by the lower bound, a
        larger share bought the recommended item than of all customers.
        """
        starts, sizes = self.top.indptr[customers], np.diff(self.top.indptr)[customers]
        because = np.full(len(items), None, dtype=object)
        share, buyers = np.full(len(items), np.nan), np.full(len(items), np.nan)
        base = self.buyers[items] / self.customers
        filled = np.flatnonzero(sizes > 0)
        if len(filled):
            ends = np.cumsum(sizes[filled])
            places = np.repeat(starts[filled] - (ends - sizes[filled]), sizes[filled]) + np.arange(int(ends[-1]))
            owned = self.top.indices[places].astype(np.int64)
            bounds = self.low[owned, np.repeat(items[filled], sizes[filled])]
            # one key: the largest bound, of equal ones the most popular item
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
    """Return the customers who bought each item."""
    return np.bincount(history.counts.indices, minlength=len(history.items))


def _places(indptr: np.ndarray, indices: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the places of entries that exist; rows ascend, columns ascend within a row of the matrix."""
    first = np.searchsorted(rows, np.unique(rows))
    distinct = rows[first]
    sizes = np.diff(indptr)[distinct]
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    places = np.repeat(indptr[distinct].astype(np.int64) - (ends - sizes), sizes) + np.arange(total)
    width = np.int64(indices.max(initial=0)) + 1
    keys = np.repeat(np.arange(len(distinct), dtype=np.int64), sizes) * width + indices[places]
    wanted = np.searchsorted(distinct, rows) * width + columns
    return places[np.searchsorted(keys, wanted)] if total else np.zeros(len(rows), dtype=np.int64)
