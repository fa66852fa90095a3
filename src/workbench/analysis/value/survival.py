"""How long until customers buy again? Kaplan-Meier curves, and Cox's model of the next purchase.

For the curves time starts at the first purchase; for the Cox model at the cut-off, when all covariates are known.
Customers without a purchase by the end are censored, not counted as lost.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.value.history import DAYS_A_WEEK

if TYPE_CHECKING:
    from lifelines import CoxPHFitter

__all__ = ["hazard_ratios", "return_curves", "return_spells"]

LEAST = 30  # fewest customers of a curve
_MOST_POINTS = 120
_MOST_COX = 20_000  # most customers for the Cox model
_LEAST_EVENTS = 50
_LEAST_SPREAD = 1e-6  # smallest standard deviation of a factor; less is rounding error


def return_spells(history: pd.DataFrame) -> pd.DataFrame:
    """Return the time to each customer's second purchase, or to the end of the data without one.

    Parameters
    ----------
    history : DataFrame
        customer_id, second_weeks (missing without one), age_weeks.

    Returns
    -------
    DataFrame
        customer_id, days (from the first purchase to the second one, or to the end), returned (bool); customers with
        a first purchase on the last day are left out.
    """
    returned = history["second_weeks"].notna()
    days = history["second_weeks"].where(returned, history["age_weeks"]) * DAYS_A_WEEK
    spells = pd.DataFrame({"customer_id": history["customer_id"], "days": days.round(), "returned": returned})
    return spells[spells["days"] > 0].reset_index(drop=True)


def return_curves(spells: pd.DataFrame, groups: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Estimate the share of customers without a second purchase, by days since the first.

    Parameters
    ----------
    spells : DataFrame
        From `return_spells`.
    groups : mapping of customer_id to group, optional
        Groups of at least 30 customers get a curve.

    Returns
    -------
    DataFrame
        group (``all`` first), n, days, waiting (0..1, Kaplan-Meier), low, high (95 %, Greenwood on the log-log scale);
        as long as ten customers are at risk; at most 120 points per curve.
    """
    curves = [_curve("all", spells)] if len(spells) >= LEAST else []
    if groups:
        with_group = spells.assign(group=spells["customer_id"].map(groups))
        curves += [
            _curve(str(name), rows) for name, rows in with_group.groupby("group", sort=True) if len(rows) >= LEAST
        ]
    empty = pd.DataFrame(columns=["group", "n", "days", "waiting", "low", "high"])
    return pd.concat(curves, ignore_index=True) if curves else empty


def hazard_ratios(before: pd.DataFrame, later: pd.DataFrame, *, days: int) -> pd.DataFrame:
    """Estimate which factors are associated with an earlier next purchase, by Cox's proportional hazards model.

    Parameters
    ----------
    before : DataFrame
        Histories at the cut-off: repeats, last_weeks, age_weeks, spend_total.
    later : DataFrame
        In the same order: next_days (from the cut-off to the next purchase; missing without one).
    days : int
        Length of the period after the cut-off; customers without a purchase are censored at its end.

    Returns
    -------
    DataFrame
        factor (repeats, idle_weeks, spend_per_order), ratio (of hazards, per standard deviation), low, high (95 %), n,
        purchases_seen, concordance; empty with fewer than 50 purchases, or with perfect separation by a factor.
    """
    every_kth = slice(None, None, -(-max(len(before), 1) // _MOST_COX))
    before, later = before.iloc[every_kth], later.iloc[every_kth]
    has_bought = later["next_days"].notna().to_numpy()
    factors = pd.DataFrame(
        {
            "repeats": np.log1p(before["repeats"]),
            "idle_weeks": before["age_weeks"] - before["last_weeks"],
            "spend_per_order": np.log1p((before["spend_total"] / (before["repeats"] + 1)).clip(lower=0)),
        }
    ).astype(float)
    factors = factors.loc[:, factors.std() > _LEAST_SPREAD]
    if has_bought.sum() < _LEAST_EVENTS or factors.empty:
        return _no_factors()
    scaled = ((factors - factors.mean()) / factors.std()).reset_index(drop=True)
    waiting_days = np.where(has_bought, later["next_days"].fillna(days), days).clip(min=0.5)
    model = _fit_cox(scaled.assign(waited=waiting_days, bought=has_bought))
    if model is None:
        return _no_factors()
    limits = np.exp(model.confidence_intervals_.to_numpy())
    return pd.DataFrame(
        {
            "factor": scaled.columns, "ratio": np.exp(model.params_.to_numpy()), "low": limits[:, 0],
            "high": limits[:, 1], "n": len(before), "purchases_seen": int(has_bought.sum()),
            "concordance": float(model.concordance_index_),
        }
    )  # fmt: skip


def _fit_cox(table: pd.DataFrame) -> CoxPHFitter | None:
    """Fit with a small ridge, since factors may be nearly collinear; None without a maximum."""
    from lifelines import CoxPHFitter  # noqa: PLC0415
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about the library's own use of pandas
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return CoxPHFitter(penalizer=1e-4).fit(table, "waited", "bought")
        except (ConvergenceError, ConvergenceWarning):
            return None


def _no_factors() -> pd.DataFrame:
    return pd.DataFrame(columns=["factor", "ratio", "low", "high", "n", "purchases_seen", "concordance"])


def _curve(name: str, spells: pd.DataFrame) -> pd.DataFrame:
    from lifelines import KaplanMeierFitter  # noqa: PLC0415

    fitted = KaplanMeierFitter().fit(spells["days"], spells["returned"])
    is_large = fitted.event_table["at_risk"].to_numpy() >= 10  # noqa: PLR2004  a small cell
    table = np.column_stack([fitted.survival_function_.to_numpy(), fitted.confidence_interval_.to_numpy()])[is_large]
    days = fitted.survival_function_.index.to_numpy(dtype=float)[is_large]
    points = np.unique(np.linspace(0, len(days) - 1, min(len(days), _MOST_POINTS)).round().astype(int))
    columns = dict(zip(("waiting", "low", "high"), table[points].T, strict=True))
    return pd.DataFrame({"group": name, "n": len(spells), "days": days[points], **columns})
