"""How well was the period after the calibration foretold? Errors, order of customers, tracking, conditional means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from workbench.analysis.value.fitting import Fit
from workbench.analysis.value.history import DAYS_A_WEEK
from workbench.analysis.value.orders import expect_of_new

__all__ = ["by_decile", "by_frequency", "errors", "gini", "independence", "rmse_difference", "tracking"]

_MOST_REPEATS = 7  # shown one by one; more are taken together
_LEAST_REPEATERS = 30


def errors(predicted: np.ndarray, observed: np.ndarray) -> dict[str, float]:
    """Return mae, rmse, correlation (missing where one side is constant) and bias (mean predicted - observed)."""
    distance = predicted - observed
    varied = len(observed) > 1 and np.ptp(predicted) > 0 and np.ptp(observed) > 0
    return {
        "mae": float(np.abs(distance).mean()),
        "rmse": float(np.sqrt((distance**2).mean())),
        "correlation": float(np.corrcoef(predicted, observed)[0, 1]) if varied else float("nan"),
        "bias": float(distance.mean()),
    }


def rmse_difference(
    first: np.ndarray, second: np.ndarray, observed: np.ndarray, *, resamples: int = 300, seed: int = 0
) -> tuple[float, float]:
    """Return the RMSE of the first prediction less that of the second, and its bootstrap standard error."""
    squares = np.column_stack([(first - observed) ** 2, (second - observed) ** 2])
    rng = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    for at in range(resamples):
        means = squares[rng.integers(0, len(squares), len(squares))].mean(axis=0)
        drawn[at] = np.sqrt(means[0]) - np.sqrt(means[1])
    means = np.sqrt(squares.mean(axis=0))
    return float(means[0] - means[1]), float(drawn.std(ddof=1))


def gini(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Return how much of the possible order of customers by observed value a prediction finds.

    The area between the gain curve of ``predicted`` and the diagonal, over that of the true order: 1 is the true order,
    0 a random one. Ties share their gain. Missing where nothing was spent. Negative values count as 0.
    """
    value = np.maximum(observed, 0.0)
    if value.sum() <= 0:
        return float("nan")
    best = _area(value, value)
    return float(_area(predicted, value) / best) if best > 0 else float("nan")


def by_decile(predicted: np.ndarray, observed: np.ndarray) -> pd.DataFrame:
    """Compare predicted and observed value by tenth of the customers, the most valuable by prediction first.

    Returns
    -------
    DataFrame
        decile (1..10), n, predicted, observed (means, currency), observed_share (of all observed); fewer rows than ten
        where there are fewer customers.
    """
    order = np.argsort(-predicted, kind="stable")
    number = np.minimum(np.arange(len(order)) * 10 // max(len(order), 1), 9) + 1
    table = pd.DataFrame({"decile": number, "predicted": predicted[order], "observed": observed[order]})
    grouped = table.groupby("decile")
    found = grouped.mean().assign(n=grouped.size(), observed_share=grouped["observed"].sum() / observed.sum())
    return found.reset_index()[["decile", "n", "predicted", "observed", "observed_share"]]


def by_frequency(repeats: np.ndarray, predicted: Mapping[str, np.ndarray], observed: np.ndarray) -> pd.DataFrame:
    """Compare orders in the period after, by repeats before.

    Returns
    -------
    DataFrame
        repeats (7 stands for 7 and more), n, observed, low, high (mean, 95 % by normal approximation), then one column
        per model.
    """
    table = pd.DataFrame({"repeats": np.minimum(repeats, _MOST_REPEATS), "observed": observed, **predicted})
    grouped = table.groupby("repeats")
    found = grouped.mean().assign(n=grouped.size())
    half = 1.959963984540054 * grouped["observed"].std(ddof=1).fillna(0) / np.sqrt(found["n"])
    found = found.assign(low=(found["observed"] - half).clip(lower=0), high=found["observed"] + half)
    return found.reset_index()[["repeats", "n", "observed", "low", "high", *predicted]]


def tracking(history: pd.DataFrame, fits: Mapping[str, Fit], weekly: pd.DataFrame) -> pd.DataFrame:
    """Follow actual and expected repeat purchases of all customers, week by week.

    Parameters
    ----------
    history : DataFrame
        first_on.
    fits : mapping of model to Fit
    weekly : DataFrame
        week, repeats, as ``history.weekly_orders`` counts them.

    Returns
    -------
    DataFrame
        week (its end, weeks since the first purchase of all), actual, actual_total, then per model its name (that
        week) and name_total (so far).
    """
    started = (history["first_on"] - history["first_on"].min()).dt.days.to_numpy() / DAYS_A_WEEK
    starts, counts = np.unique(started, return_counts=True)
    ends = weekly["week"].to_numpy() + 1
    found = pd.DataFrame({"week": ends, "actual": weekly["repeats"], "actual_total": weekly["repeats"].cumsum()})
    for model, fit in fits.items():
        ages = np.maximum(ends[:, None] - starts[None, :], 0.0)
        total = expect_of_new(model, fit, ages) @ counts
        found[f"{model}_total"] = total
        found[model] = np.diff(total, prepend=0.0)
    return found


def independence(history: pd.DataFrame) -> dict[str, float]:
    """Measure whether spend per order goes with how often a customer buys, which Gamma-Gamma rules out.

    Returns
    -------
    dict
        n (repeat customers with spend), correlation (Pearson, of repeats and the log of mean spend), low, high (95 %,
        Fisher's z); missing below 30 customers or where one side does not vary.
    """
    known = history[history["paid_repeats"] > 0]
    x, spend = known["paid_repeats"].to_numpy(float), np.log(known["spend_repeat_mean"].to_numpy(float))
    if len(known) < _LEAST_REPEATERS or np.ptp(x) == 0 or np.ptp(spend) == 0:
        return {"n": float(len(known)), "correlation": float("nan"), "low": float("nan"), "high": float("nan")}
    r = float(np.corrcoef(x, spend)[0, 1])
    z, half = np.arctanh(np.clip(r, -0.999999, 0.999999)), 1.959963984540054 / np.sqrt(len(known) - 3)
    return {"n": float(len(known)), "correlation": r, "low": float(np.tanh(z - half)), "high": float(np.tanh(z + half))}


def _area(score: np.ndarray, value: np.ndarray) -> float:
    """Return the area between the gain curve and the diagonal, equal scores taken together."""
    table = pd.DataFrame({"score": -score, "value": value}).groupby("score", sort=True)["value"].agg(["size", "sum"])
    across = np.r_[0.0, table["size"].cumsum() / len(score)]
    up = np.r_[0.0, table["sum"].cumsum() / value.sum()]
    return float(np.trapezoid(up, across) - 0.5)
