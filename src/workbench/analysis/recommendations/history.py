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
_MOST_DAYS = 2**17  # more than any history in days, so that one integer sorts by customer, item and day


@dataclass(frozen=True)
class History:
    """Purchases by customer, item and day, up to a date.

    Attributes
    ----------
    customers : ndarray of str
        Sorted.
    items : ndarray of str
        The most purchased first, ties by name: a smaller code is more popular.
    customer, item, day : ndarray of int
        One entry per customer, item and day; codes, and days since 1970.
    until : int
        Only purchases before this day are included.
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
        """Purchase days of each item over all customers."""
        return np.bincount(self.item, minlength=len(self.items))

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Return the sum of the purchases' weights for each entry of ``counts``."""
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
        """Return the history before an earlier day, with items ordered by their popularity until then."""
        selected = self.day < day
        order = np.argsort(self.items, kind="stable")
        position = np.empty(len(order), dtype=np.int64)
        position[order] = np.arange(len(order))
        codes = position[self.item[selected]] if len(order) else self.item
        return history_of(
            self.customers, self.items[order], (self.customer[selected], codes, self.day[selected]), until=day
        )

    def baskets_after(self, day: int, *, days: int) -> pd.DataFrame:
        """Return the next basket of each customer within ``[day, day + days)``: customer (code), item (name)."""
        selected = (self.day >= day) & (self.day < min(day + days, self.until))
        frame = pd.DataFrame(
            {"customer": self.customer[selected], "item": self.item[selected], "day": self.day[selected]}
        )
        first = frame.groupby("customer")["day"].transform("min")
        frame = frame[frame["day"] == first]
        return frame.assign(item=self.items[frame["item"]])[["customer", "item"]].reset_index(drop=True)


def collect_history(lines: ibis.Table, *, as_of: dt.date) -> History:
    """Collect the purchase history of all customers.

    Parameters
    ----------
    lines : ibis.Table
        customer_id, item, day; rows with a missing value are left out.
    as_of : date
        Only earlier days are read.

    Returns
    -------
    History
        Several purchases of an item by a customer on one day count once.
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
    sorted_labels = np.argsort(labels, kind="stable")
    item_position = np.empty(len(labels), dtype=np.int64)
    item_position[sorted_labels] = np.arange(len(labels))
    codes = (column.indices.to_numpy().astype(np.int64) for column in (customer, items))
    customer_codes, item_codes = (
        to[code] if len(to) else code for to, code in zip((position, item_position), codes, strict=True)
    )
    return history_of(names[order], labels[sorted_labels], (customer_codes, item_codes, days), until=day_number(as_of))


def history_of(
    customers: np.ndarray, names: np.ndarray, purchases: tuple[np.ndarray, np.ndarray, np.ndarray], *, until: int
) -> History:
    """Code items by popularity, ties by name, without those never bought, and sort the entries.

    Parameters
    ----------
    customers, names : ndarray of str
        Sorted.
    purchases : tuple of ndarray of int
        Codes of customers, codes of names, and days; one entry per purchase.
    until : int

    Returns
    -------
    History
    """
    customer, codes, day = purchases
    counts = np.bincount(codes, minlength=len(names))
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    rank = np.full(len(names), -1, dtype=np.int64)
    rank[order] = np.arange(len(order))
    item = rank[codes] if len(codes) else codes
    since = day - day.min() if len(day) else day
    sorted_positions = np.argsort((customer * max(len(order), 1) + item) * _MOST_DAYS + since, kind="stable")
    return History(
        customers, names[order], customer[sorted_positions], item[sorted_positions], day[sorted_positions], until
    )


def day_number(day: dt.date) -> int:
    """Return the days since 1970.

    Examples
    --------
    >>> day_number(dt.date(1970, 1, 3))
    2
    """
    return (day - _EPOCH).days


def _grouped(history: History, function: np.ufunc) -> np.ndarray:
    """Reduce the days of each customer and item to one; entries have the order of ``counts``."""
    if not len(history.day):
        return history.day
    changed = (np.diff(history.customer) != 0) | (np.diff(history.item) != 0)
    return function.reduceat(history.day, np.concatenate([[0], np.flatnonzero(changed) + 1]))
