"""What a model of value must beat: each customer's own rate, a straight line, and a learner of regressions.

Regressions learn in the past: predictors at an earlier date, spend in the period after it. They are then asked about
the same later period as every other model.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analysis.value.orders import naive_orders

__all__ = ["PREDICTORS", "learn_spend", "line_of_spend", "naive_spend", "spread_around"]

PREDICTORS = ("repeats", "last_weeks", "age_weeks", "idle_weeks", "spend_mean", "spend_total")
_LEAST_ROWS = 200  # customers, for a learner


def naive_spend(history: pd.DataFrame, *, weeks: float) -> np.ndarray:
    """Return each customer's own rate of repeats times the own mean spend, carried on."""
    return naive_orders(history, weeks=weeks) * _predictors(history)["spend_mean"].to_numpy()


def line_of_spend(earlier: pd.DataFrame, spend: np.ndarray, history: pd.DataFrame) -> np.ndarray:
    """Predict spend by least squares on repeats, recency, age and spend so far; never below 0.

    Parameters
    ----------
    earlier : DataFrame
        Histories at the earlier date.
    spend : array
        Net spend in the period after it.
    history : DataFrame
        Histories at the later date, to predict from.
    """
    from sklearn.linear_model import LinearRegression  # noqa: PLC0415

    model = LinearRegression().fit(_predictors(earlier), spend)
    return np.maximum(model.predict(_predictors(history)), 0.0)


def learn_spend(earlier: pd.DataFrame, spend: np.ndarray, history: pd.DataFrame, *, seed: int = 0) -> np.ndarray | None:
    """Predict spend by gradient-boosted trees; None where too few customers are there to learn from.

    Arguments as for `line_of_spend`; returns never fall below 0.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415

    if len(earlier) < _LEAST_ROWS or not np.any(spend > 0):
        return None
    model = HistGradientBoostingRegressor(
        max_iter=150, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=40, random_state=seed
    )
    return np.maximum(model.fit(_predictors(earlier), spend).predict(_predictors(history)), 0.0)


def spread_around(
    predicted: np.ndarray, tested: np.ndarray, observed: np.ndarray, *, level: float = 0.9, groups: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Give an interval to predictions from what customers of like prediction did in the test period.

    Parameters
    ----------
    predicted : array
        To give intervals to.
    tested, observed : array
        Predictions and outcomes of the test period.
    level : float
    groups : int
        Tenths of the tested predictions, within each of which the quantiles of the outcomes are taken.

    Returns
    -------
    low, high : arrays
        Never narrower than the prediction itself.
    """
    edges = np.unique(np.quantile(tested, np.linspace(0, 1, groups + 1)[1:-1]))
    home, place = np.searchsorted(edges, tested, side="right"), np.searchsorted(edges, predicted, side="right")
    tails = [(1 - level) / 2, (1 + level) / 2]
    bounds = np.array([np.quantile(observed[home == at], tails) if (home == at).any() else np.quantile(observed, tails)
                       for at in range(len(edges) + 1)])  # fmt: skip
    return np.minimum(bounds[place, 0], predicted), np.maximum(bounds[place, 1], predicted)


def _predictors(history: pd.DataFrame) -> pd.DataFrame:
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
