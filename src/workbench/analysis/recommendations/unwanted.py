"""Items that people marked as wrong for a customer, which are never offered to them again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

__all__ = ["Unwanted", "most_unwanted", "without_unwanted"]

Unwanted = Mapping[str, frozenset[str]]  # customer to items


def most_unwanted(unwanted: Unwanted) -> int:
    """Return the largest number of unwanted items of a customer; lists are ranked longer by this number."""
    return max((len(items) for items in unwanted.values()), default=0)


def without_unwanted(frames: Iterable[pd.DataFrame], unwanted: Unwanted, *, n: int) -> Iterator[pd.DataFrame]:
    """Remove unwanted items from lists that are longer than needed, then cut the lists to ``n`` items.

    Parameters
    ----------
    frames : iterable of DataFrame
        customer_id, list, rank, item, sorted by customer, list and rank; ``n + most_unwanted`` items per list.
    unwanted : mapping of str to frozenset of str
    n : int
        Items per list.

    Yields
    ------
    DataFrame
        The same columns; ranks start at 1 again.
    """
    for frame in frames:
        wanted = [
            item not in unwanted.get(customer, frozenset())
            for customer, item in zip(frame["customer_id"], frame["item"], strict=True)
        ]
        kept = frame[np.array(wanted, dtype=bool)]
        ranks = kept.groupby(["customer_id", "list"], sort=False).cumcount() + 1
        yield kept.assign(rank=ranks.astype(frame["rank"].dtype))[ranks <= n].reset_index(drop=True)
