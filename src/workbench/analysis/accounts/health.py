"""Is an account in good health? Five checks, each answered yes, no or unknown; there is no combined score."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

__all__ = ["CHECKS", "check_health", "usual_gaps"]

CHECKS = ("later_than_usual", "spend_falling", "cases_open_many", "rating_low", "single_thread")
LEAST_GAPS = 2  # fewest gaps between purchase days for a usual gap
LATE = 2.0  # multiple of the usual gap after which a purchase is late
FALLEN = 0.7  # share of the previous window's spend below which spend is falling
LEAST_RATINGS = 3
AT_RISK_FROM = 2  # fewest failed checks of an account at risk


def usual_gaps(days: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """Measure the usual gap between purchases of each account.

    Parameters
    ----------
    days : DataFrame
        account_id, purchased_on: one row per account and day with a purchase, from ``activity.purchase_dates``.
    as_of : date

    Returns
    -------
    DataFrame
        One row per account: account_id, purchase_days (count), gap_days_median (missing under two gaps), recency_days
        (days from the last purchase to the as-of date).
    """
    ordered = days.sort_values(["account_id", "purchased_on"])
    ordered = ordered.assign(gap=ordered.groupby("account_id")["purchased_on"].diff().dt.days)
    accounts = ordered.groupby("account_id")
    rhythm = accounts.agg(
        purchase_days=("purchased_on", "size"), gap_days_median=("gap", "median"), last=("purchased_on", "max")
    )
    rhythm["gap_days_median"] = rhythm["gap_days_median"].where(accounts["gap"].count() >= LEAST_GAPS)
    rhythm["recency_days"] = (pd.Timestamp(as_of) - rhythm["last"]).dt.days
    return rhythm.drop(columns="last").reset_index()


def check_health(accounts: pd.DataFrame, *, rating_low: float | None = None) -> pd.DataFrame:
    """Evaluate five checks per account and count the failed ones.

    Parameters
    ----------
    accounts : DataFrame
        One row per account: account_id, recency_days, gap_days_median, spend_recent, spend_before, cases, cases_open,
        rating_mean, ratings, single_thread.
    rating_low : float, optional
        A mean service rating below this is low; default: the lower quartile of the accounts with enough ratings.

    Returns
    -------
    DataFrame
        account_id, the checks (boolean, missing where unknown): later_than_usual (recency over twice the usual gap),
        spend_falling (under 70 % of the previous window, which had spend), cases_open_many (two or more open and at
        least half of all), rating_low (from three ratings), single_thread; checks_known, checks_failed, health:
        healthy, watch (one fails), at_risk (two or more), unknown (no check can be answered).
    """
    rating = accounts["rating_mean"].where(accounts["ratings"] >= LEAST_RATINGS)
    limit = rating_low if rating_low is not None else rating.quantile(0.25)
    spend_before = accounts["spend_before"].where(accounts["spend_before"] > 0)
    answers = {
        "later_than_usual": _answer(accounts["recency_days"] / accounts["gap_days_median"].replace(0, np.nan), LATE),
        "spend_falling": _answer(-accounts["spend_recent"] / spend_before, -FALLEN),
        "cases_open_many": (
            (accounts["cases_open"] >= AT_RISK_FROM) & (accounts["cases_open"] * 2 >= accounts["cases"])
        ).astype("boolean").where(accounts["cases"] > 0),
        "rating_low": _answer(-rating, -limit),
        "single_thread": accounts["single_thread"].astype("boolean"),
    }  # fmt: skip
    health = accounts[["account_id"]].assign(**answers)
    n_known = health[list(CHECKS)].notna().sum(axis=1)
    n_failed = health[list(CHECKS)].fillna(False).sum(axis=1).astype("int64")
    state = np.select(
        [n_known == 0, n_failed == 0, n_failed < AT_RISK_FROM], ["unknown", "healthy", "watch"], "at_risk"
    )
    return health.assign(checks_known=n_known, checks_failed=n_failed, health=state)


def _answer(measure: pd.Series, limit: float) -> pd.Series:
    """Return whether each measure exceeds its limit; missing where the measure is missing."""
    return (measure > limit).astype("boolean").where(measure.notna())
