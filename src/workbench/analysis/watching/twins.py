"""Which features are compared as they are: those over the whole history grow with every date.

A count or sum over the whole history has a twin over a window (``spend_365d`` for ``monetary_total``), which is
compared in its place; without a twin it is divided by the time it took. Ages and dates grow by the days between two
runs and are not compared, nor are numbers of different things, which grow more slowly than time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.intake.features.registry import registered

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

__all__ = ["WatchedFeature", "per_month", "watched_features"]

_MONTH_DAYS = 30
_SCORED = "scale_"  # scores of survey scales
# grows with the whole history -> the stem of its windowed twin, "" where there is none
_GROWING = {
    "frequency_orders": "orders_", "monetary_total": "spend_", "margin_total": "", "returns_total": "",
    "active_months": "orders_", "event_days": "sessions_", "sessions": "sessions_", "campaigns_sent": "",
    "campaigns_redeemed": "", "campaigns_opened": "", "service_cases": "service_cases_", "complaints": "",
    "reviews_written": "", "review_likes": "", "referrals": "", "referred_spend": "",
}  # fmt: skip
# ages, dates, ranks and numbers of different things: they follow from the date, or are the same by construction
_LEFT_OUT = {
    "products_distinct", "categories_distinct", "brands_distinct", "occasions_distinct", "relations_degree",
    "relations_reach", "survey_answers",
    "tenure_days", "registered_days", "first_ordered_on", "last_ordered_on", "next_purchase_on", "spend_quintile",
    "contribution_rank_share", "contribution_share", "followers_most", "acquisition_channel",
}  # fmt: skip
_AGES = ("event_recency_days", "service_recency_days", "review_recency_days")
_WINDOWED = re.compile(r"_(\d+)d$")


@dataclass(frozen=True)
class WatchedFeature:
    """A feature to compare.

    Attributes
    ----------
    name : str
    per : str
        The column it is divided by; empty: none.
    family : str
    grows : bool
        Of the whole history: it becomes known for more customers with every date, which is no alarm.
    """

    name: str
    per: str
    family: str
    grows: bool = False


def watched_features(columns: Sequence[str], *, dated: Sequence[str] = ()) -> list[WatchedFeature]:
    """Return the features to compare.

    Parameters
    ----------
    columns : sequence of str
        Of the table ``features`` of both runs.
    dated : sequence of str
        Those of dates, which are left out.

    Returns
    -------
    list of WatchedFeature
        A declared attribute is a family of its own.

    Examples
    --------
    >>> [(one.name, one.per) for one in watched_features(["monetary_total", "spend_90d", "complaints", "tenure_days"])]
    [('spend_90d', ''), ('complaints', 'tenure_days')]
    """
    features = {feature.name: feature for feature in registered(columns)}
    groups = {name: feature.group for name, feature in features.items()}
    windowed = [name for name in columns if _WINDOWED.search(name)]
    age = next((name for name in ("tenure_days", "registered_days") if name in columns), "")
    chosen = []
    for name in columns:
        if name == "customer_id" or name in dated or name in _LEFT_OUT or name in _AGES:
            continue
        twin = _GROWING.get(name)
        if twin is None:
            scored = name.startswith(_SCORED)
            grows = scored or (name in features and features[name].window is None)
            chosen.append(WatchedFeature(name, "", "survey" if scored else groups.get(name, name), grows))
        elif (not twin or not any(column.startswith(twin) for column in windowed)) and age:
            chosen.append(WatchedFeature(name, age, groups.get(name, name)))
    return chosen


def per_month(values: np.ndarray, age_days: np.ndarray) -> np.ndarray:
    """Return a sum over the whole history for each 30 days that it took, of at least 30 days."""
    return values / (age_days.clip(min=_MONTH_DAYS) / _MONTH_DAYS)
