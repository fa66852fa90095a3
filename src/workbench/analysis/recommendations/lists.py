"""The three recommendation lists (again, new, neutral) with their evidence. Serves 07_mine_affinities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.recommendations.evidence import Companions, Rhythm, count_buyers
from workbench.analysis.recommendations.methods import scorer
from workbench.analysis.recommendations.ranking import rank_again, rank_new

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.analysis.recommendations.eligibility import Eligibility
    from workbench.analysis.recommendations.history import History

__all__ = ["EVERYBODY", "EVIDENCE", "LISTED", "list_neutral", "recommend"]

EVERYBODY = "*"
LISTED = ("customer_id", "list", "rank", "item", "score", "method")
EVIDENCE = ("bought", "every_days", "last_days", "because", "buyers", "share", "base")
CHUNK = 50_000  # customers per data frame
_PLACES = {"again": 0, "new": 1}
_SORTED = ["customer", "place", "rank"]


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
    chunk: int = CHUNK,
) -> Iterator[pd.DataFrame]:
    """Yield the lists ``again`` and ``new`` of every customer, ``chunk`` customers at a time.

    Parameters
    ----------
    history : History
    customers : ndarray of int
        Codes of the customers who may get recommendations.
    chosen : mapping of str to str
        List name to method.
    eligibility : Eligibility
    n : int
        Items per list.
    seed : int
    chunk : int
        Customers per frame.

    Yields
    ------
    DataFrame
        ``LISTED`` and ``EVIDENCE``, sorted by customer, list and rank. For ``again``: bought (purchase days),
        every_days (mean gap, missing if bought once), last_days (since the last purchase). For ``new``: because (the
        bought item that best explains this one, see `evidence.Companions`; may be missing), buyers (of that item),
        share (of these buyers who bought the recommended item), base (the same share of all customers).
    """
    fitted = {name: scorer(chosen[name], history, seed=seed) for name in ("again", "new")}
    rhythm, companions = Rhythm(history), Companions(history)
    for start in range(0, len(customers), chunk):
        part = customers[start : start + chunk]
        items, scores = rank_again(history, fitted["again"], part, k=n, allowed=eligibility.again)
        again = _frame(history, _Ranked(part, items, scores), "again", chosen["again"])
        again = again.assign(**rhythm.of(again["customer"].to_numpy(), again["code"].to_numpy()))
        barred = eligibility.barred(history, part)
        items, scores = rank_new(history, fitted["new"], part, k=n, allowed=eligibility.allowed, barred=barred)
        new = _frame(history, _Ranked(part, items, scores), "new", chosen["new"])
        new = new.assign(**companions.of(new["customer"].to_numpy(), new["code"].to_numpy()))
        both = pd.concat([frame.reindex(columns=["customer", "place", *LISTED, *EVIDENCE]) for frame in (again, new)])
        yield both.sort_values(_SORTED, kind="stable", ignore_index=True)[[*LISTED, *EVIDENCE]]


def list_neutral(history: History, *, eligibility: Eligibility, n: int) -> pd.DataFrame:
    """List the most popular items, the same for everybody.

    Returns
    -------
    DataFrame
        ``LISTED`` and ``EVIDENCE``; base is the share of customers who bought the item; customer_id is ``*``.
    """
    codes = np.flatnonzero(eligibility.allowed)[:n]
    buyers = count_buyers(history)[codes]
    frame = pd.DataFrame({
        "customer_id": EVERYBODY, "list": "neutral", "rank": np.arange(1, len(codes) + 1), "item": history.items[codes],
        "score": history.popularity[codes].astype(float), "method": "popularity",
        "base": buyers / max(len(np.unique(history.customer)), 1),
    })  # fmt: skip
    return frame.reindex(columns=[*LISTED, *EVIDENCE])


def _frame(history: History, ranked: _Ranked, name: str, method: str) -> pd.DataFrame:
    row_numbers, place = np.nonzero(ranked.items >= 0)
    codes, customers = ranked.items[row_numbers, place], ranked.rows[row_numbers]
    return pd.DataFrame({
        "customer": customers, "code": codes, "place": _PLACES[name],
        "customer_id": history.customers[customers], "list": name,
        "rank": place + 1, "item": history.items[codes] if len(codes) else codes.astype(object),
        "score": ranked.scores[row_numbers, place], "method": method,
    })  # fmt: skip
