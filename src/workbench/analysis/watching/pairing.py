"""Which customers are in both runs, joined by their ids, or by the records of their sources where ids changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Pairing", "pair_customers", "rename_customers"]


@dataclass(frozen=True)
class Pairing:
    """The rows of two tables of customers, matched.

    Attributes
    ----------
    n_old, n_new : int
        Rows of either table that are compared.
    old, new : array of int
        Positions of the customers of both tables, in the same order.
    entered, left : array of int
        Positions in the new table of customers that the old one lacks, and the reverse.
    withdrawn : int
        Customers who withdrew or were erased; they are in neither table any more and have not left.
    """

    n_old: int
    n_new: int
    old: np.ndarray
    new: np.ndarray
    entered: np.ndarray
    left: np.ndarray
    withdrawn: int = 0

    @property
    def same(self) -> int:
        """The number of customers in both tables."""
        return len(self.old)


def pair_customers(old: pd.Series, new: pd.Series, *, withdrawn: Collection[str] = ()) -> Pairing:
    """Match two lists of customer ids.

    Parameters
    ----------
    old, new : Series of str
        Unique ids.
    withdrawn : collection of str
        Customers to take from both sides.

    Examples
    --------
    >>> pairing = pair_customers(pd.Series(["a", "b", "c"]), pd.Series(["c", "d", "a"]), withdrawn={"b"})
    >>> pairing.old.tolist(), pairing.new.tolist(), pairing.entered.tolist(), pairing.left.tolist(), pairing.withdrawn
    ([0, 2], [2, 0], [1], [], 1)
    """
    at = pd.Index(new).get_indexer(pd.Index(old))
    out_old, out_new = (ids.isin(list(withdrawn)).to_numpy() for ids in (old, new))
    in_both = (at >= 0) & ~out_old
    if len(out_new):
        in_both &= ~np.where(at >= 0, out_new[at], False)
    positions = np.flatnonzero(in_both)
    matched = at[positions]
    entered = np.ones(len(new), dtype=bool)
    entered[matched] = False
    left = np.flatnonzero(~in_both & ~out_old & (at < 0))
    entered &= ~out_new
    gone = set(old[out_old]) | set(new[out_new])
    return Pairing(
        int((~out_old).sum()), int((~out_new).sum()), positions, matched, np.flatnonzero(entered), left, len(gone)
    )


def rename_customers(ids: pd.Series, then: pd.DataFrame | None, now: pd.DataFrame | None) -> pd.Series:
    """Return the ids that customers of an earlier run have today.

    Parameters
    ----------
    ids : Series of str
        Ids of the earlier run.
    then, now : DataFrame or None
        The identities of either run: source, source_id, customer_id.

    Returns
    -------
    Series of str
        An id without a record today stays as it is. Where records of one customer now belong to several, the one with
        most of its records counts, then the smallest id; where several customers became one, the first keeps the id and
        the others are lost, as they are no customers any more.
    """
    if then is None or now is None or then.empty or now.empty:
        return ids
    joined = then.merge(now, on=["source", "source_id"], suffixes=("_then", "_now"))
    counts = joined.groupby(["customer_id_then", "customer_id_now"], as_index=False).size()
    counts = counts.sort_values(["customer_id_then", "size", "customer_id_now"], ascending=[True, False, True])
    renamed = counts.drop_duplicates("customer_id_then").set_index("customer_id_then")["customer_id_now"]
    today = ids.map(renamed).fillna(ids)
    merged = today.duplicated() & (today != ids)
    return today.mask(merged, ids)
