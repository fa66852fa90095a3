"""Baselines for value models: each customer's past rate, and a linear regression."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analysis.value.orders import naive_orders

__all__ = ["PREDICTORS", "line_of_spend", "naive_spend", "predictors"]

PREDICTORS = ("repeats", "last_weeks", "age_weeks", "idle_weeks", "spend_mean", "spend_total")


def naive_spend(history: pd.DataFrame, *, weeks: float) -> np.ndarray:
    """Return each customer's spend in the next ``weeks`` at the past rate of repeat orders and the past mean spend."""
    return naive_orders(history, weeks=weeks) * predictors(history)["spend_mean"].to_numpy()


def line_of_spend(earlier: pd.DataFrame, spend: np.ndarray, history: pd.DataFrame) -> np.ndarray:
    """Predict spend by linear regression on repeats, recency, age and past spend; never below 0.

    Parameters
    ----------
    earlier : DataFrame
        Histories at the earlier date, for the fit.
    spend : array
        Net spend in the period after the earlier date.
    history : DataFrame
        Histories at the later date, for the prediction.
    """
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415

    model = LinearRegression().fit(predictors(earlier), spend)
    return np.maximum(model.predict(predictors(history)), 0.0)


def predictors(history: pd.DataFrame) -> pd.DataFrame:
    """Return the columns `PREDICTORS` of a history: counts, weeks, and spend (currency, net of returns)."""
    days = history["repeats"] + 1
    return pd.DataFrame(
        {
            "repeats": history["repeats"],
            "last_weeks": history["last_weeks"],
            "age_weeks": history["age_weeks"],
            "idle_weeks": history["age_weeks"] - history["last_weeks"],
            "spend_mean": history["spend_total"] / days,
            "spend_total": history["spend_total"],
        }
    ).astype("float64")[list(PREDICTORS)]
