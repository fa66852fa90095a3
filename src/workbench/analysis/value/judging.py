"""How good was the forecast for the test period? Errors, ranking, weekly tracking, means by group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.core.groupby import DataFrameGroupBy

from workbench.analysis.value.history import DAYS_A_WEEK
from workbench.analysis.value.orders import expect_of_new

if TYPE_CHECKING:
    from workbench.analysis.value.models.fitting import Fit

__all__ = [
    "CRITERIA",
    "by_decile",
    "by_frequency",
    "coverage",
    "deviance",
    "errors",
    "gini",
    "independence",
    "loss_difference",
    "next_coverage",
    "recency_by_frequency",
    "spread_of_outcomes",
    "tracking",
]

CRITERIA = ("deviance", "rmse", "gini")  # criteria for the choice of a model of spend
CENT = 0.005  # tolerance for outcomes in money, half a cent

_MOST_REPEATS = 7  # larger numbers of repeats are pooled
_MOST_ROWS = 5  # rows of the matrix; larger numbers of repeats are pooled
_LEAST_REPEATERS = 30
_MOST_DRAWN = 20_000  # most customers in a resample
_LEAST_SHARE = 1e-3  # lower bound of a prediction in a deviance, as a share of mean spend


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


def deviance(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Return the mean Poisson deviance of spend in units of mean spend: 0 is perfect.

    The deviance is minimised by the mean of the outcome (Gneiting 2011, JASA 106). It grows linearly with a customer's
    spend, so that a few large orders do not dominate. Outcomes below 0 count as 0, predictions are at least a
    thousandth of mean spend. Missing without spend.
    """
    spent = np.maximum(observed, 0.0)
    mean = float(spent.mean()) if len(spent) else 0.0
    return float(_deviances(predicted, spent, mean).mean()) if mean > 0 else float("nan")


def _deviances(predicted: np.ndarray, spent: np.ndarray, mean: float) -> np.ndarray:
    expected = np.maximum(predicted, mean * _LEAST_SHARE)
    logs = np.log(np.where(spent > 0, spent, 1.0) / expected)
    return 2 * (np.where(spent > 0, spent * logs, 0.0) - spent + expected) / mean


def loss_difference(
    first: np.ndarray, second: np.ndarray, observed: np.ndarray, *, by: str, resamples: int = 300, seed: int = 0
) -> tuple[float, float]:
    """Return the difference in loss between two predictions (first minus second), and its bootstrap standard error.

    Parameters
    ----------
    first, second, observed : array
    by : str
        deviance, rmse, or gini (then the loss is 1 - gini).
    resamples, seed : int
        Resamples have at most 20,000 customers; the standard error is rescaled to all customers.
    """
    rng = np.random.default_rng(seed)
    loss, n = _LOSSES[by], len(observed)
    size = min(n, _MOST_DRAWN)
    samples = (rng.integers(0, n, size) for _ in range(resamples))
    differences = [loss(first[rows], observed[rows]) - loss(second[rows], observed[rows]) for rows in samples]
    return loss(first, observed) - loss(second, observed), float(np.nanstd(differences, ddof=1) * np.sqrt(size / n))


def gini(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Return the normalised Gini coefficient of a ranking by predicted value.

    The area between the gain curve of ``predicted`` and the diagonal, divided by the same area for the true ranking: 1
    is a perfect ranking, 0 a random one. Ties share their gain. Missing without spend. Negative values count as 0.
    """
    value = np.maximum(observed, 0.0)
    if value.sum() <= 0:
        return float("nan")
    best = _area(value, value)
    return float(_area(predicted, value) / best) if best > 0 else float("nan")


_LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "deviance": deviance,
    "rmse": lambda predicted, observed: errors(predicted, observed)["rmse"],
    "gini": lambda predicted, observed: 1 - gini(predicted, observed),
}


def by_decile(predicted: Mapping[str, np.ndarray], observed: np.ndarray, *, by: str) -> pd.DataFrame:
    """Compare predicted and observed value by decile of the customers, ranked by one prediction, highest first.

    Parameters
    ----------
    predicted : mapping of model to array
    observed : array
    by : str
        The model that ranks.

    Returns
    -------
    DataFrame
        decile (1..10), n, observed, predicted (by the ranking model; means, currency), observed_share (of all
        observed value; missing if that is 0), and for each other model ``<model>_share``, the share of observed value
        in the decile by that model's own ranking.
    """
    total = observed.sum() if observed.sum() > 0 else np.nan
    grouped = _tenths(predicted[by], pd.DataFrame({"predicted": predicted[by], "observed": observed}))
    table = grouped.mean().assign(n=grouped.size(), observed_share=grouped["observed"].sum() / total)
    for model in (name for name in predicted if name != by):
        table[f"{model}_share"] = _tenths(predicted[model], pd.DataFrame({"observed": observed})).sum() / total
    return table.reset_index()


def _tenths(rank: np.ndarray, table: pd.DataFrame) -> DataFrameGroupBy:
    order = np.argsort(-rank, kind="stable")
    number = np.minimum(np.arange(len(order)) * 10 // max(len(order), 1), 9) + 1
    return table.iloc[order].assign(decile=number).groupby("decile")


def coverage(low: pd.Series, high: pd.Series, observed: pd.Series) -> float:
    """Return the share of outcomes within their intervals, up to half a cent."""
    inside = (observed.to_numpy() >= low.to_numpy() - CENT) & (observed.to_numpy() <= high.to_numpy() + CENT)
    return float(inside.mean())


def next_coverage(dates: pd.DataFrame, next_days: pd.Series) -> dict[str, float]:
    """Evaluate the forecast of next purchases.

    Parameters
    ----------
    dates : DataFrame
        buy_probability, low, middle, high (weeks), from ``next_purchase.next_weeks`` at the cut-off.
    next_days : Series
        Days from the cut-off to the next purchase, missing without one.

    Returns
    -------
    dict
        next_expected, next_observed (customers who buy in the test period), next_coverage (share of these whose date
        is within the range), next_days_off_median (absolute error of the middle, days).
    """
    has_bought = next_days.notna().to_numpy()
    results = {"next_expected": float(dates["buy_probability"].sum()), "next_observed": float(has_bought.sum())}
    if not has_bought.any():
        return results | {"next_coverage": float("nan"), "next_days_off_median": float("nan")}
    days, forecast = (
        next_days.to_numpy()[has_bought],
        np.ceil(dates.loc[has_bought, ["low", "middle", "high"]] * DAYS_A_WEEK),
    )
    inside = (days >= forecast["low"]) & (days <= forecast["high"])
    off = float((forecast["middle"] - days).abs().median())
    return results | {"next_coverage": float(inside.mean()), "next_days_off_median": off}


def spread_of_outcomes(
    predicted: np.ndarray, observed: np.ndarray, *, level: float, groups: int = 10
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return limits between groups of similar predictions, and quantiles of the outcomes in each group.

    Returns
    -------
    edges, low, high : tuples
        low and high have one more entry than edges.
    """
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, groups + 1)[1:-1]))
    group = np.searchsorted(edges, predicted, side="right")
    tails = [(1 - level) / 2, (1 + level) / 2]
    parts = [observed[group == at] for at in range(len(edges) + 1)]
    bounds = np.array([np.quantile(part if len(part) else observed, tails) for part in parts])
    return tuple(edges.tolist()), tuple(bounds[:, 0].tolist()), tuple(bounds[:, 1].tolist())


def recency_by_frequency(history: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Return expected orders by number of repeats and time since the last purchase.

    Returns
    -------
    DataFrame
        repeats (number of the band: 0 to 5, where 5 means 5 or more; quintiles of the customers if the median is above
        5), repeats_low, repeats_high (inclusive; infinite for 5 and more), idle (number of the band: quintiles of days
        since the last purchase; fewer with many equal values), idle_low, idle_high (days, inclusive), n, p_alive,
        expected_orders (means).
    """
    repeats = history["repeats"].to_numpy(dtype=float)
    idle = np.rint((history["age_weeks"] - history["last_weeks"]).to_numpy() * DAYS_A_WEEK)
    are_frequent = len(repeats) > 0 and np.median(repeats) > _MOST_ROWS
    repeat_edges = _quintile_edges(repeats) if are_frequent else np.append(np.arange(_MOST_ROWS + 1.0), np.inf)
    idle_edges = _quintile_edges(idle)
    table = values[["p_alive", "expected_orders"]].assign(
        repeats=_band(repeats, repeat_edges), idle=_band(idle, idle_edges)
    )
    grouped = table.groupby(["repeats", "idle"])
    cells = grouped.mean().assign(n=grouped.size()).reset_index()
    for name, edges in (("repeats", repeat_edges), ("idle", idle_edges)):
        upper = np.append(edges[1:-1] - 1, edges[-1:])  # inclusive upper ends
        cells = cells.assign(**{f"{name}_low": edges[cells[name]], f"{name}_high": upper[cells[name]]})
    return cells


def _quintile_edges(numbers: np.ndarray) -> np.ndarray:
    """Return the distinct edges of quintiles of integers, with minimum and maximum; at least two."""
    if not len(numbers):
        return np.zeros(2)
    edges = np.unique(np.ceil(np.quantile(numbers, np.linspace(0, 1, 6)).round(6)))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def _band(numbers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges[:-1], numbers, side="right") - 1, 0, None)


def by_frequency(repeats: np.ndarray, predicted: Mapping[str, np.ndarray], observed: np.ndarray) -> pd.DataFrame:
    """Compare orders in the test period by repeats before it.

    Returns
    -------
    DataFrame
        repeats (7 means 7 or more), n, observed, low, high (mean, 95 % by normal approximation), then one column
        per model.
    """
    table = pd.DataFrame({"repeats": np.minimum(repeats, _MOST_REPEATS), "observed": observed, **predicted})
    grouped = table.groupby("repeats")
    means = grouped.mean().assign(n=grouped.size())
    half_width = 1.959963984540054 * grouped["observed"].std(ddof=1).fillna(0) / np.sqrt(means["n"])
    means = means.assign(low=(means["observed"] - half_width).clip(lower=0), high=means["observed"] + half_width)
    return means.reset_index()[["repeats", "n", "observed", "low", "high", *predicted]]


def tracking(history: pd.DataFrame, fits: Mapping[str, Fit], weekly: pd.DataFrame) -> pd.DataFrame:
    """Return actual and expected repeat purchases of all customers by week.

    Parameters
    ----------
    history : DataFrame
        first_on.
    fits : mapping of model to Fit
    weekly : DataFrame
        week, repeats, from ``history.weekly_orders``.

    Returns
    -------
    DataFrame
        week (its end, weeks since the first purchase in the data), actual, actual_total, then per model its name (in
        that week) and name_total (cumulative).
    """
    started = (history["first_on"] - history["first_on"].min()).dt.days.to_numpy() / DAYS_A_WEEK
    starts, counts = np.unique(started, return_counts=True)
    ends = weekly["week"].to_numpy() + 1
    table = pd.DataFrame({"week": ends, "actual": weekly["repeats"], "actual_total": weekly["repeats"].cumsum()})
    for model, fit in fits.items():
        ages = np.maximum(ends[:, None] - starts[None, :], 0.0)
        total = expect_of_new(model, fit, ages) @ counts
        table[f"{model}_total"] = total
        table[model] = np.diff(total, prepend=0.0)
    return table


def independence(history: pd.DataFrame) -> dict[str, float]:
    """Measure the correlation of spend per order with purchase frequency, which Gamma-Gamma assumes to be 0.

    Returns
    -------
    dict
        n (repeat customers with spend), correlation (Pearson, of repeats and the log of mean spend), low, high (95 %,
        Fisher's z); missing below 30 customers or where one side is constant.
    """
    paying = history[history["paid_repeats"] > 0]
    x, spend = paying["paid_repeats"].to_numpy(float), np.log(paying["spend_repeat_mean"].to_numpy(float))
    if len(paying) < _LEAST_REPEATERS or np.ptp(x) == 0 or np.ptp(spend) == 0:
        return {"n": float(len(paying)), "correlation": float("nan"), "low": float("nan"), "high": float("nan")}
    r = float(np.corrcoef(x, spend)[0, 1])
    z, half_width = np.arctanh(np.clip(r, -0.999999, 0.999999)), 1.959963984540054 / np.sqrt(len(paying) - 3)
    return {
        "n": float(len(paying)),
        "correlation": r,
        "low": float(np.tanh(z - half_width)),
        "high": float(np.tanh(z + half_width)),
    }


def _area(score: np.ndarray, value: np.ndarray) -> float:
    """Return the area between the gain curve and the diagonal, with equal scores pooled."""
    table = pd.DataFrame({"score": -score, "value": value}).groupby("score", sort=True)["value"].agg(["size", "sum"])
    customer_share = np.r_[0.0, table["size"].cumsum() / len(score)]
    value_share = np.r_[0.0, table["sum"].cumsum() / value.sum()]
    return float(np.trapezoid(value_share, customer_share) - 0.5)
