"""How long until customers buy again: Kaplan and Meier's curves, and Cox's model of what speeds the next purchase.

The clock of a curve starts at the first purchase, that of the Cox model at the cut-off, when all it reads is known.
Who has not bought by the end is censored there, not counted as lost.
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

LEAST = 30  # customers of a curve
_MOST_POINTS = 120
_MOST_COX = 20_000  # customers for the Cox model
_LEAST_EVENTS = 50
_LEAST_SPREAD = 1e-6  # standard deviation; below, rounding alone differs


def return_spells(history: pd.DataFrame) -> pd.DataFrame:
    """Return how long each customer's second purchase took, or has not come.

    Parameters
    ----------
    history : DataFrame
        customer_id, second_weeks (missing where there is none), age_weeks.

    Returns
    -------
    DataFrame
        customer_id, days (from the first purchase to the second one, or to the end), returned (bool); customers of the
        last day, of whom nothing was seen, are left out.
    """
    returned = history["second_weeks"].notna()
    days = history["second_weeks"].where(returned, history["age_weeks"]) * DAYS_A_WEEK
    spells = pd.DataFrame({"customer_id": history["customer_id"], "days": days.round(), "returned": returned})
    return spells[spells["days"] > 0].reset_index(drop=True)


def return_curves(spells: pd.DataFrame, groups: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Estimate the share that has not bought again, by days since the first purchase.

    Parameters
    ----------
    spells : DataFrame
        As `return_spells` gives it.
    groups : mapping of customer_id to group, optional
        Groups of 30 customers and more get a curve of their own.

    Returns
    -------
    DataFrame
        group (``all`` first), n, days, waiting (0..1, Kaplan-Meier), low, high (95 %, Greenwood on the log-log scale);
        up to where ten customers are still watched; at most 120 points a curve.
    """
    curves = [_curve("all", spells)] if len(spells) >= LEAST else []
    if groups:
        named = spells.assign(group=spells["customer_id"].map(groups))
        curves += [_curve(str(name), rows) for name, rows in named.groupby("group", sort=True) if len(rows) >= LEAST]
    empty = pd.DataFrame(columns=["group", "n", "days", "waiting", "low", "high"])
    return pd.concat(curves, ignore_index=True) if curves else empty


def hazard_ratios(before: pd.DataFrame, later: pd.DataFrame, *, days: int) -> pd.DataFrame:
    """Measure what goes with an earlier next purchase after the cut-off, by Cox's proportional hazards.

    Parameters
    ----------
    before : DataFrame
        Histories at the cut-off: repeats, last_weeks, age_weeks, spend_total.
    later : DataFrame
        In the same order: next_days (from the cut-off to the next purchase; missing where there was none).
    days : int
        Length of the period after the cut-off, at whose end the others are censored.

    Returns
    -------
    DataFrame
        factor (repeats, idle_weeks, spend_per_order), ratio (of hazards, per standard deviation), low, high (95 %), n,
        purchases_seen, concordance; empty with fewer than 50 purchases, or where a factor tells all there is to tell.
    """
    some = slice(None, None, -(-max(len(before), 1) // _MOST_COX))
    before, later = before.iloc[some], later.iloc[some]
    bought = later["next_days"].notna().to_numpy()
    factors = pd.DataFrame(
        {
            "repeats": np.log1p(before["repeats"]),
            "idle_weeks": before["age_weeks"] - before["last_weeks"],
            "spend_per_order": np.log1p((before["spend_total"] / (before["repeats"] + 1)).clip(lower=0)),
        }
    ).astype(float)
    factors = factors.loc[:, factors.std() > _LEAST_SPREAD]
    if bought.sum() < _LEAST_EVENTS or factors.empty:
        return _no_factors()
    scaled = ((factors - factors.mean()) / factors.std()).reset_index(drop=True)
    waited = np.where(bought, later["next_days"].fillna(days), days).clip(min=0.5)
    model = _fit_cox(scaled.assign(waited=waited, bought=bought))
    if model is None:
        return _no_factors()
    limits = np.exp(model.confidence_intervals_.to_numpy())
    return pd.DataFrame(
        {
            "factor": scaled.columns, "ratio": np.exp(model.params_.to_numpy()), "low": limits[:, 0],
            "high": limits[:, 1], "n": len(before), "purchases_seen": int(bought.sum()),
            "concordance": float(model.concordance_index_),
        }
    )  # fmt: skip


def _fit_cox(table: pd.DataFrame) -> CoxPHFitter | None:
    """Fit with a little ridge (factors of a base may almost be each other); None where there is no top to find."""
    from lifelines import CoxPHFitter  # noqa: PLC0415
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library says of its own use of pandas
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
    watched = fitted.event_table["at_risk"].to_numpy() >= 10  # noqa: PLR2004  a small cell
    table = np.column_stack([fitted.survival_function_.to_numpy(), fitted.confidence_interval_.to_numpy()])[watched]
    days = fitted.survival_function_.index.to_numpy(dtype=float)[watched]
    kept = np.unique(np.linspace(0, len(days) - 1, min(len(days), _MOST_POINTS)).round().astype(int))
    columns = dict(zip(("waiting", "low", "high"), table[kept].T, strict=True))
    return pd.DataFrame({"group": name, "n": len(spells), "days": days[kept], **columns})
