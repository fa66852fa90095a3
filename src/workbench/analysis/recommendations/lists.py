"""The three lists with their evidence. Serves 07_mine_affinities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.recommendations.methods import MOST_ITEMS, scorer
from workbench.analysis.recommendations.ranking import rank_again, rank_new

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.analysis.recommendations.eligibility import Eligibility
    from workbench.analysis.recommendations.history import History

__all__ = ["EVERYBODY", "EVIDENCE", "LISTED", "list_neutral", "recommend"]

EVERYBODY = "*"
LISTED = ("customer_id", "list", "rank", "item", "score", "method")
EVIDENCE = ("bought", "every_days", "last_days", "because", "share", "base")
LEAST_BUYERS = 10  # of an item that a reason names


@dataclass(frozen=True)
class _Ranked:
    rows: np.ndarray
    items: np.ndarray
    scores: np.ndarray


def recommend(
    history: History,
    customers: np.ndarray,
    *,
    chosen: Mapping[str, str],
    eligibility: Eligibility,
    n: int,
    seed: int,
) -> pd.DataFrame:
    """List what to offer each customer: again, and new.

    Parameters
    ----------
    history : History
    customers : ndarray of int
        Codes of the customers who may get recommendations.
    chosen : mapping of str to str
        List to method.
    eligibility : Eligibility
    n : int
        Items per list.
    seed : int

    Returns
    -------
    DataFrame
        ``LISTED`` and ``EVIDENCE``, by customer, list and rank. again: bought (days with it), every_days (mean gap,
        missing if bought once), last_days. new: because (the item they bought whose buyers most often bought this one,
        missing where none has 10 buyers), share (of its buyers), base (share of all customers).
    """
    once = np.any(eligibility.once, axis=0) if eligibility.once else np.zeros(len(history.items), dtype=bool)
    fitted = {name: scorer(chosen[name], history, seed=seed) for name in ("again", "new")}
    items, scores = rank_again(history, fitted["again"], customers, k=n, allowed=eligibility.allowed & ~once)
    again = _frame(history, _Ranked(customers, items, scores), "again", chosen["again"])
    again = again.assign(**_rhythm(history, again))
    owned = history.counts[customers]
    barred = [(np.asarray(owned[:, group].sum(axis=1)).ravel() > 0, group) for group in eligibility.once]
    items, scores = rank_new(history, fitted["new"], customers, k=n, allowed=eligibility.allowed, barred=barred)
    new = _frame(history, _Ranked(customers, items, scores), "new", chosen["new"])
    new = new.assign(**_companions(history, new))
    both = pd.concat([again.reindex(columns=[*again.columns, "because", "share", "base"]),
                      new.reindex(columns=[*again.columns, "because", "share", "base"])])  # fmt: skip
    both = both.sort_values(["customer", "list", "rank"], kind="stable", ignore_index=True)
    return both[[*LISTED, *EVIDENCE]]


def list_neutral(history: History, *, eligibility: Eligibility, n: int) -> pd.DataFrame:
    """List the most popular items, the same for everybody.

    Returns
    -------
    DataFrame
        ``LISTED`` and ``EVIDENCE``; base is the share of customers who bought the item; customer_id is ``*``.
    """
    codes = np.flatnonzero(eligibility.allowed)[:n]
    buyers = _buyers(history)[codes]
    frame = pd.DataFrame({
        "customer_id": EVERYBODY, "list": "neutral", "rank": np.arange(1, len(codes) + 1), "item": history.items[codes],
        "score": history.popularity[codes].astype(float), "method": "popularity",
        "base": buyers / max(len(np.unique(history.customer)), 1),
    })  # fmt: skip
    return frame.reindex(columns=[*LISTED, *EVIDENCE])


def _frame(history: History, ranked: _Ranked, name: str, method: str) -> pd.DataFrame:
    who, place = np.nonzero(ranked.items >= 0)
    codes, customers = ranked.items[who, place], ranked.rows[who]
    return pd.DataFrame({
        "customer": customers, "code": codes, "customer_id": history.customers[customers], "list": name,
        "rank": place + 1, "item": history.items[codes] if len(codes) else codes.astype(object),
        "score": ranked.scores[who, place], "method": method,
    })  # fmt: skip


def _rhythm(history: History, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return how often, how regularly and when last each customer bought the item."""
    counts, width = history.counts, max(len(history.items), 1)
    owners = np.repeat(np.arange(counts.shape[0], dtype=np.int64), np.diff(counts.indptr))
    at = np.searchsorted(owners * width + counts.indices, rows["customer"].to_numpy() * width + rows["code"].to_numpy())
    bought = counts.data[at].astype(np.int64)
    first, last = history.first_days()[at], history.last_days()[at]
    gaps = np.where(bought > 1, (last - first) / np.maximum(bought - 1, 1), np.nan)
    return {"bought": bought, "every_days": np.round(gaps), "last_days": history.until - last}


def _companions(history: History, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the bought item whose buyers most often bought the recommended one, with both shares."""
    top = history.counts[:, :MOST_ITEMS] > 0
    ones = top.astype(np.float32)
    buyers = _buyers(history)
    share = np.asarray((ones.T @ ones).todense(), dtype=np.float32)
    share /= np.maximum(buyers[: share.shape[0], None], 1)
    share[buyers[: share.shape[0]] < LEAST_BUYERS] = 0
    customers, codes = rows["customer"].to_numpy(), rows["code"].to_numpy()
    best, value = np.full(len(rows), -1, dtype=np.int64), np.zeros(len(rows), dtype=np.float32)
    ranks = rows["rank"].to_numpy()
    for rank in np.unique(ranks):
        at = np.flatnonzero(ranks == rank)
        part = ones[customers[at]]
        sizes = np.diff(part.indptr)
        who = np.repeat(np.arange(len(at)), sizes)
        shares = share[part.indices, codes[at][who]]
        order = np.lexsort((part.indices, -shares, who))
        filled = np.flatnonzero(sizes > 0)
        first = order[part.indptr[:-1][filled]]
        best[at[filled]], value[at[filled]] = part.indices[first], shares[first]
    none = (best < 0) | (value <= 0)
    because = np.full(len(rows), None, dtype=object)
    because[~none] = history.items[best[~none]]
    base = buyers[codes] / max(len(np.unique(history.customer)), 1)
    return {"because": because, "share": np.where(none, np.nan, value.astype(float)), "base": base}


def _buyers(history: History) -> np.ndarray:
    """Return the customers who bought each item."""
    return np.bincount(history.counts.indices, minlength=len(history.items))
