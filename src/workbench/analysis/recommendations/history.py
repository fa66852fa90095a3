"""Purchase histories as arrays: customers, items in order of popularity, days. Serves 07_mine_affinities."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from scipy import sparse

if TYPE_CHECKING:
    import ibis

__all__ = ["History", "collect_history", "day_number", "history_of"]

_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class History:
    """Who bought what on which day, before a day.

    Attributes
    ----------
    customers : ndarray of str
        Sorted.
    items : ndarray of str
        By number of purchases over everybody, ties by name: a smaller code is more popular.
    customer, item, day : ndarray of int
        One entry per customer, item and day; codes, and days since 1970.
    until : int
        The day before which purchases are included.
    """

    customers: np.ndarray
    items: np.ndarray
    customer: np.ndarray
    item: np.ndarray
    day: np.ndarray
    until: int

    @cached_property
    def counts(self) -> sparse.csr_array:
        """Purchase days by customer and item."""
        shape = (len(self.customers), len(self.items))
        ones = np.ones(len(self.customer), dtype=np.float32)
        matrix = sparse.csr_array((ones, (self.customer, self.item)), shape=shape)
        matrix.sum_duplicates()
        matrix.sort_indices()
        return matrix

    @cached_property
    def popularity(self) -> np.ndarray:
        """Purchase days of each item over everybody."""
        return np.bincount(self.item, minlength=len(self.items))

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Return the sum of a weight per entry, aligned with the entries of ``counts``."""
        shape = self.counts.shape
        matrix = sparse.csr_array((weights, (self.customer, self.item)), shape=shape)
        matrix.sum_duplicates()
        matrix.sort_indices()
        return matrix.data

    def last_days(self) -> np.ndarray:
        """Return the last day of each entry of ``counts``."""
        return _grouped(self, np.maximum)

    def first_days(self) -> np.ndarray:
        """Return the first day of each entry of ``counts``."""
        return _grouped(self, np.minimum)

    def before(self, day: int) -> History:
        """Return the history before an earlier day, with the popularity of that time."""
        chosen = self.day < day
        names = self.items[self.item[chosen]]
        return history_of(self.customers, self.customer[chosen], names, self.day[chosen], until=day)

    def baskets_after(self, day: int, *, days: int) -> pd.DataFrame:
        """Return the next basket of each customer within ``[day, day + days)``: customer (code), item (name)."""
        chosen = (self.day >= day) & (self.day < min(day + days, self.until))
        frame = pd.DataFrame({"customer": self.customer[chosen], "item": self.item[chosen], "day": self.day[chosen]})
        first = frame.groupby("customer")["day"].transform("min")
        frame = frame[frame["day"] == first]
        return frame.assign(item=self.items[frame["item"]])[["customer", "item"]].reset_index(drop=True)


def collect_history(lines: ibis.Table, *, as_of: dt.date) -> History:
    """Collect purchases.

    Parameters
    ----------
    lines : ibis.Table
        customer_id, item, day; rows without one of them are left out.
    as_of : date
        Only earlier days are read.

    Returns
    -------
    History
        Purchases of one item on one day count once.
    """
    rows = lines.filter(lines.customer_id.notnull(), lines["item"].notnull(), lines.day < as_of)
    table = rows.select("customer_id", "item", "day").distinct().to_pyarrow()
    customer = pc.dictionary_encode(table["customer_id"].combine_chunks())
    names = np.array(customer.dictionary.to_pylist(), dtype=object)
    order = np.argsort(names, kind="stable")
    position = np.empty(len(names), dtype=np.int64)
    position[order] = np.arange(len(names))
    days = table["day"].combine_chunks().cast("int32").to_numpy().astype(np.int64)
    items = pc.dictionary_encode(table["item"].combine_chunks())
    labels = np.array(items.dictionary.to_pylist(), dtype=object)
    codes = position[customer.indices.to_numpy()] if len(names) else np.zeros(0, dtype=np.int64)
    named = labels[items.indices.to_numpy()] if len(labels) else np.zeros(0, dtype=object)
    return history_of(names[order], codes, named, days, until=day_number(as_of))


def history_of(
    customers: np.ndarray, customer: np.ndarray, names: np.ndarray, day: np.ndarray, *, until: int
) -> History:
    """Code items by popularity, ties by name, and sort the entries.

    Parameters
    ----------
    customers : ndarray of str
    customer : ndarray of int
        Codes of customers, one per purchase.
    names : ndarray of str
        Items.
    day : ndarray of int
    until : int

    Returns
    -------
    History
    """
    codes, distinct = pd.factorize(names, sort=True)
    counts = np.bincount(codes, minlength=len(distinct)) if len(codes) else np.zeros(0, dtype=np.int64)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[order] = np.arange(len(distinct))
    item = rank[codes] if len(codes) else np.zeros(0, dtype=np.int64)
    at = np.lexsort((day, item, customer))
    return History(customers, np.asarray(distinct, dtype=object)[order], customer[at], item[at], day[at], until)


def day_number(day: dt.date) -> int:
    """Return the days since 1970.

    Examples
    --------
    >>> day_number(dt.date(1970, 1, 3))
    2
    """
    return (day - _EPOCH).days


def _grouped(history: History, function: np.ufunc) -> np.ndarray:
    """Reduce the days of each customer and item; entries are sorted by customer and item, as those of ``counts``."""
    if not len(history.day):
        return history.day
    changed = (np.diff(history.customer) != 0) | (np.diff(history.item) != 0)
    return function.reduceat(history.day, np.concatenate([[0], np.flatnonzero(changed) + 1]))
