"""Is each customer active, dormant, lost or reactivated? The states of 05_score_rfm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd

from workbench.core.errors import DataError, Fault, ProfileError

__all__ = [
    "ACTIVITY_STATUSES",
    "BOUNDS_DAYS",
    "LIFE_CYCLE_STAGES",
    "MANAGEMENT_VIEW",
    "MANAGEMENT_VIEWS",
    "RHYTHM_QUANTILES",
    "Bounds",
    "activity_status",
    "choose_bounds",
    "derive_bounds",
    "life_cycle_stage",
    "management_view",
]

BOUNDS_DAYS = (90, 180, 360)  # days since the last purchase up to which a customer is active, dormant, pre_churn
RHYTHM_QUANTILES = (0.75, 0.90, 0.975)  # quantiles of the days between purchases, one per bound
LEAST_CUSTOMERS = 100  # fewest customers with two purchase days or more for derived bounds
ROUNDING_DAYS = 1e-6  # tolerance when rounding a quantile up to whole days

ACTIVITY_STATUSES = {
    "active": {"en": "up to the first limit", "zh": "第一界限以内"},
    "dormant": {"en": "first to second limit", "zh": "第一至第二界限"},
    "pre_churn": {"en": "second to third limit", "zh": "第二至第三界限"},
    "churned": {"en": "over the third limit", "zh": "超过第三界限"},
}
LIFE_CYCLE_STAGES = {
    "prospect": {"en": "prospect", "zh": "潜在"},
    "new": {"en": "new", "zh": "新客"},
    "active": {"en": "active", "zh": "活跃"},
    "at_risk": {"en": "at risk", "zh": "流失预警"},
    "dormant": {"en": "dormant", "zh": "沉睡"},
    "lost": {"en": "lost", "zh": "流失"},
    "reactivated": {"en": "reactivated", "zh": "重新激活"},
}
MANAGEMENT_VIEWS = {
    "acquisition": {"en": "acquisition", "zh": "获取"},
    "development": {"en": "development", "zh": "发展"},
    "maintenance": {"en": "maintenance", "zh": "维持"},
    "win_back": {"en": "win-back", "zh": "召回"},
}
# life-cycle stage -> management view
MANAGEMENT_VIEW = {
    "prospect": "acquisition",
    "new": "development",
    "reactivated": "development",
    "active": "maintenance",
    "at_risk": "maintenance",
    "dormant": "win_back",
    "lost": "win_back",
}


@dataclass(frozen=True)
class Bounds:
    """Recency bounds in days, with their source.

    Attributes
    ----------
    days : tuple of int
        Days since the last purchase up to which a customer is active, dormant, pre_churn.
    source : str
        ``fixed`` (declared), ``derived`` (from the gaps between purchases) or ``fallback`` (declared, as none could be
        derived).
    reason : str
        Reason for a fallback: ``too_few_customers`` or ``no_spread``; else empty.
    customers, gaps : int
        Customers with two purchase days or more, and the gaps between their purchase days.
    """

    days: tuple[int, int, int]
    source: str
    reason: str = ""
    customers: int = 0
    gaps: int = 0


def choose_bounds(
    gaps: pd.DataFrame | None = None, *, bounds: str = "fixed", days: Sequence[int] = BOUNDS_DAYS
) -> Bounds:
    """Return the declared recency bounds, or derive them from the gaps between purchases.

    Parameters
    ----------
    gaps : DataFrame, optional
        As for `derive_bounds`; only read for ``rhythm``.
    bounds : str
        ``fixed`` or ``rhythm``.
    days : three ints, days, increasing
        The declared bounds; for ``rhythm``, the fallback.

    Returns
    -------
    Bounds

    Raises
    ------
    ProfileError
        When ``bounds`` is neither value, or ``days`` are not three increasing positive whole numbers.
    """
    if bounds == "rhythm" and gaps is not None:
        return derive_bounds(gaps, fallback=days)
    if bounds != "fixed":
        raise ProfileError(Fault("bounds", f"'{bounds}'", "fixed, or rhythm with the gaps", "Known: fixed, rhythm"))
    return Bounds(_check_bounds(days), "fixed")


def derive_bounds(
    gaps: pd.DataFrame,
    *,
    quantiles: Sequence[float] = RHYTHM_QUANTILES,
    fallback: Sequence[int] = BOUNDS_DAYS,
    least: int = LEAST_CUSTOMERS,
) -> Bounds:
    """Derive the recency bounds from the days between purchases.

    Customers have equal weight: the quantiles are those of a random gap of a random customer. Gaps still open at the
    as-of date are not counted, so slow buyers are under-represented.

    Parameters
    ----------
    gaps : DataFrame
        From `workbench.analysis.purchases.count_gaps`: gap_days, gaps_of_customer, gaps.
    quantiles : three floats in (0, 1), increasing
        One per bound.
    fallback : three ints, days, increasing
        Bounds to use if none can be derived.
    least : int
        Fewest customers with a gap for derived bounds.

    Returns
    -------
    Bounds
        Whole days, rounded up.

    Raises
    ------
    ProfileError
        When the quantiles or the fallback bounds are not three increasing numbers in range.
    """
    fallback = _check_bounds(fallback)
    _check_quantiles(quantiles)
    gaps = gaps.sort_values(["gap_days", "gaps_of_customer"])
    weight = (gaps["gaps"] / gaps["gaps_of_customer"]).to_numpy(dtype=float)
    customers, n_gaps = round(float(weight.sum())), int(gaps["gaps"].sum())
    if customers < least:
        return Bounds(fallback, "fallback", "too_few_customers", customers, n_gaps)
    cumulative = np.cumsum(weight) / weight.sum()
    positions = [int(np.argmax(cumulative >= quantile - ROUNDING_DAYS)) for quantile in quantiles]
    first, second, third = (ceil(gaps["gap_days"].iloc[position] - ROUNDING_DAYS) for position in positions)
    if not 0 < first < second < third:
        return Bounds(fallback, "fallback", "no_spread", customers, n_gaps)
    return Bounds((first, second, third), "derived", "", customers, n_gaps)


def activity_status(recency_days: pd.Series, *, bounds: Sequence[int] = BOUNDS_DAYS) -> pd.Series:
    """Return the activity status of each customer by the days since the last purchase.

    Parameters
    ----------
    recency_days : Series of float, days >= 0
        Null without a purchase.
    bounds : three ints, days, increasing
        The last day of active, of dormant and of pre_churn.

    Returns
    -------
    Series of str, same index
        active, dormant, pre_churn or churned; null where the recency is null.

    Raises
    ------
    ProfileError
        When the bounds are not three increasing positive whole numbers.

    Examples
    --------
    >>> activity_status(pd.Series([90.0, 91.0, 360.0, 361.0])).tolist()
    ['active', 'dormant', 'pre_churn', 'churned']
    """
    edges = [-np.inf, *_check_bounds(bounds), np.inf]
    recency = recency_days.astype("float64")
    return pd.cut(recency, edges, labels=list(ACTIVITY_STATUSES)).astype("str").rename("activity_status")


def life_cycle_stage(features: pd.DataFrame, *, bounds: Sequence[int] = BOUNDS_DAYS) -> pd.Series:
    """Return the life-cycle stage of each customer.

    By the days since the last purchase and the bounds (b1, b2, b3): no purchase: prospect; over b3: lost; over b2:
    dormant; over b1: at_risk; else reactivated where the gap before the last purchase was over b2, else new where the
    first purchase lies within b1, else active. Each customer has exactly one stage.

    Parameters
    ----------
    features : DataFrame, one row per customer
        recency_days, frequency_orders, tenure_days and, where known, last_gap_days (days between the last two
        purchase days; without it no customer is reactivated). Null recency or no order means no purchase.
    bounds : three ints, days, increasing

    Returns
    -------
    Series of str, same index
        A key of `LIFE_CYCLE_STAGES`, never null.

    Raises
    ------
    DataError
        When a column is missing.
    ProfileError
        When the bounds are not three increasing positive whole numbers.
    """
    active, dormant, pre_churn = _check_bounds(bounds)
    _check_columns(features, ("recency_days", "frequency_orders", "tenure_days"))
    recency, tenure, orders = (
        features[name].astype("float64") for name in ("recency_days", "tenure_days", "frequency_orders")
    )
    last_gap = features["last_gap_days"].astype("float64") if "last_gap_days" in features else recency * np.nan
    conditions = {
        "prospect": recency.isna() | ~(orders > 0),
        "lost": recency > pre_churn,
        "dormant": recency > dormant,
        "at_risk": recency > active,
        "reactivated": last_gap > dormant,
        "new": tenure <= active,
    }
    stages = np.select(list(conditions.values()), list(conditions), default="active")
    return pd.Series(stages, index=features.index, dtype="str", name="life_cycle_stage")


def management_view(life_cycle_stages: pd.Series) -> pd.Series:
    """Map life-cycle stages to the management view: acquisition, development, maintenance, win_back.

    Parameters
    ----------
    life_cycle_stages : Series of str
        Keys of `LIFE_CYCLE_STAGES`; null stays null.

    Returns
    -------
    Series of str, same index
    """
    return life_cycle_stages.map(MANAGEMENT_VIEW).astype("str").rename("management_view")


def _check_bounds(bounds: Sequence[int]) -> tuple[int, int, int]:
    days = tuple(bounds)
    are_integers = all(isinstance(bound, int | np.integer) for bound in days)
    if len(days) != len(BOUNDS_DAYS) or not are_integers or not 0 < days[0] < days[1] < days[2]:
        raise ProfileError(
            Fault(
                "bounds", f"{list(days)}", "Three increasing whole numbers of days above 0", "For example 90, 180, 360"
            )
        )
    return int(days[0]), int(days[1]), int(days[2])


def _check_quantiles(quantiles: Sequence[float]) -> None:
    values = tuple(quantiles)
    if len(values) != len(BOUNDS_DAYS) or not 0 < values[0] < values[1] < values[2] < 1:
        raise ProfileError(
            Fault(
                "quantiles", f"{list(values)}", "Three increasing shares between 0 and 1", "For example .75, .9, .975"
            )
        )


def _check_columns(features: pd.DataFrame, needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in features]
    if missing:
        raise DataError(
            [
                Fault("features", f"column '{name}' not found", "", "It is written by 03_build_features; run it first")
                for name in missing
            ]
        )
