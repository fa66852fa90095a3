"""Recommendations of a profile: the test of the methods, the chosen methods, the lists. Serves 07_mine_affinities."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.affinities.baskets import bought_lines
from workbench.analysis.recommendations.eligibility import eligible_items
from workbench.analysis.recommendations.history import History, collect_history
from workbench.analysis.recommendations.lists import EVIDENCE, LISTED, list_neutral, recommend
from workbench.analysis.recommendations.methods import METHODS
from workbench.analysis.recommendations.ranking import count_served
from workbench.analysis.recommendations.trial import TRIAL_COLUMNS, Trial, run_trial
from workbench.analysis.recommendations.unwanted import most_unwanted, without_unwanted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    import ibis

    from workbench.analysis.recommendations.eligibility import Eligibility
    from workbench.analysis.recommendations.unwanted import Unwanted

__all__ = ["Recommendations", "study_recommendations"]

_PRODUCT, _CATEGORY = "product_id", "category"


@dataclass(frozen=True)
class Recommendations:
    """What to offer next.

    Attributes
    ----------
    neutral : DataFrame
        The neutral list: customer_id, list, rank, item, score, method and the evidence.
    trial : Trial
    level : str
        product_id or category.
    facts : dict
        buyers, recommended_customers, refused (buyers without permission), ineligible (excluded by the rule), lacking
        (the missing column that prevents lists; empty if none is missing).
    personal : callable
        Returns the personal lists as data frames with the columns of ``neutral``, one per chunk of customers.
    """

    neutral: pd.DataFrame
    trial: Trial
    level: str = _PRODUCT
    facts: dict[str, Any] = field(default_factory=dict)
    personal: Callable[[], Iterable[pd.DataFrame]] = tuple

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield the neutral list, then the personal lists, one chunk of customers at a time."""
        yield self.neutral
        yield from self.personal()


def study_recommendations(
    tables: Mapping[str, ibis.Table],
    *,
    as_of: date,
    items: Sequence[str],
    methods: Sequence[str],
    trial: str,
    hold_out_days: int,
    n_recommendations: int,
    never: Mapping[str, Sequence[str]],
    once: Mapping[str, Sequence[str]],
    eligible: Mapping[str, str],
    n_bootstraps: int,
    seed: int,
    permitted: Collection[str] | None = None,
    ruled: Collection[str] | None = None,
    unwanted: Unwanted | None = None,
) -> Recommendations:
    """Choose the recommendation methods and make the lists.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions and products, as far as they exist.
    as_of : date
    items, methods, trial, hold_out_days, n_recommendations, never, once, eligible, n_bootstraps, seed
        Parameters of 07_mine_affinities.
    permitted : collection of str, optional
        Customers who may get personal recommendations; None: all.
    ruled : collection of str, optional
        Customers whom the rule ``eligible.customers`` includes; None: there is no rule.
    unwanted : mapping of str to frozenset of str, optional
        Items that people marked as wrong for a customer, which are never offered to them.

    Returns
    -------
    Recommendations
        Empty lists, with ``facts["lacking"]``, if customers, dates or products are missing.
    """
    level = _CATEGORY if _PRODUCT not in items and _CATEGORY in items else _PRODUCT
    history, lacking = _history(tables, level, as_of)
    if lacking:
        empty = Trial(pd.DataFrame(columns=[*TRIAL_COLUMNS, "hit_rate", "long_tail"]), {})
        facts = {"buyers": 0, "recommended_customers": 0, "refused": 0, "ineligible": 0, "lacking": lacking}
        return Recommendations(pd.DataFrame(columns=[*LISTED, *EVIDENCE]), empty, level, facts)
    tested = [*methods, *(name for name in METHODS if trial == "full" and name not in methods)]
    result = run_trial(
        history, methods=tested, hold_out_days=hold_out_days, n_bootstraps=n_bootstraps, seed=seed
    )  # fmt: skip
    eligibility = eligible_items(
        history, tables.get("products"), level=level, never=never, once=once, expression=eligible.get("products", "")
    )
    buyers = np.unique(history.customer)
    granted, included = (_among(history.customers[buyers], names) for names in (permitted, ruled))
    served_buyers = buyers[granted & included] if len(buyers) else buyers
    marked = _among(history.customers[served_buyers], unwanted or {})
    served = count_served(
        history,
        served_buyers[~marked],
        again=eligibility.again,
        new=eligibility.allowed,
        barred=eligibility.barred(history, served_buyers[~marked]),
    )
    lists = partial(
        _lists, history, result=result, eligibility=eligibility, n=n_recommendations, seed=seed, unwanted=unwanted or {}
    )
    served += sum(frame["customer_id"].nunique() for frame in lists(served_buyers[marked]))
    facts = {
        "buyers": len(buyers), "recommended_customers": served, "refused": int((~granted).sum()),
        "ineligible": int((granted & ~included).sum()), "lacking": "",
    }  # fmt: skip
    neutral = list_neutral(history, eligibility=eligibility, n=n_recommendations)
    return Recommendations(neutral, result, level, facts, partial(lists, served_buyers))


def _lists(
    history: History, customers: np.ndarray, *, result: Trial, eligibility: Eligibility, n: int, seed: int,
    unwanted: Unwanted,
) -> Iterable[pd.DataFrame]:  # fmt: skip
    """Make the lists of customers without unwanted items; longer lists are ranked first, so that they stay full."""
    if not len(customers):
        return []
    settings: dict[str, Any] = {"chosen": result.chosen, "eligibility": eligibility, "seed": seed}
    if not unwanted:
        return recommend(history, customers, n=n, **settings)
    longer = recommend(history, customers, n=n + most_unwanted(unwanted), **settings)
    return without_unwanted(longer, unwanted, n=n)


def _among(customers: np.ndarray, names: Collection[str] | None) -> np.ndarray:
    """Mark the customers among the names; mark all customers if names is None."""
    return np.array([names is None or customer in names for customer in customers], dtype=bool)


def _history(tables: Mapping[str, ibis.Table], level: str, as_of: date) -> tuple[History, str]:
    """Return the purchase history, and the first missing column it needs, or ""."""
    transactions = tables.get("transactions")
    nothing = np.zeros(0, dtype=np.int64)
    empty = History(nothing, nothing, nothing, nothing, nothing, 0)
    for column in (_PRODUCT, "customer_id", "ordered_at"):
        if transactions is None or column not in transactions.columns:
            return empty, column
    lines = bought_lines(transactions, as_of=as_of)
    lines = lines.select("customer_id", product_id=lines.product_id, day=lines.ordered_at.date())
    if level == _PRODUCT:
        return collect_history(lines.rename(item=_PRODUCT), as_of=as_of), ""
    if "products" not in tables or _CATEGORY not in tables["products"].columns:
        return empty, f"products.{_CATEGORY}"
    products = tables["products"].select(_PRODUCT, item=tables["products"][_CATEGORY])
    joined = lines.inner_join(products, _PRODUCT)
    return collect_history(joined.filter(joined["item"] != "").select("customer_id", "item", "day"), as_of=as_of), ""
