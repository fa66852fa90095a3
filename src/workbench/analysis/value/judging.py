"""How good was the forecast of the later period? Errors, order of customers, tracking, conditional means."""

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

CRITERIA = ("deviance", "rmse", "gini")  # by which a model of spend is chosen
CENT = 0.005  # outcomes are money to the cent

_MOST_REPEATS = 7  # shown one by one; more are taken together
_MOST_ROWS = 5  # repeats shown one by one in the matrix
_LEAST_REPEATERS = 30
_MOST_DRAWN = 20_000  # customers in a resample
_LEAST_SHARE = 1e-3  # of the mean spend: what counts as expected at least in a deviance


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

    The mean of what may happen makes it least, whatever the spread (Gneiting 2011, JASA 106), and it grows with the
    spend of a customer, not with its square: a few large orders do not decide alone. Outcomes below 0 count as 0,
    predictions below a thousandth of the mean as that. Missing where nothing was spent.
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
    """Return the loss of the first prediction less that of the second, and its bootstrap standard error.

    Parameters
    ----------
    first, second, observed : array
    by : str
        deviance, rmse, or gini (then the loss is 1 - gini).
    resamples, seed : int
        Of more than 20,000 customers so many are drawn each time, and the error is that of all of them.
    """
    rng = np.random.default_rng(seed)
    loss, n = _LOSSES[by], len(observed)
    size = min(n, _MOST_DRAWN)
    pairs = (rng.integers(0, n, size) for _ in range(resamples))
    drawn = [loss(first[each], observed[each]) - loss(second[each], observed[each]) for each in pairs]
    return loss(first, observed) - loss(second, observed), float(np.nanstd(drawn, ddof=1) * np.sqrt(size / n))


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


_LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "deviance": deviance,
    "rmse": lambda predicted, observed: errors(predicted, observed)["rmse"],
    "gini": lambda predicted, observed: 1 - gini(predicted, observed),
}


def by_decile(predicted: Mapping[str, np.ndarray], observed: np.ndarray, *, by: str) -> pd.DataFrame:
    """Compare predicted and observed value by tenth of the customers, the most valuable by one prediction first.

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
        observed; missing where nothing was), then per other model ``<model>_share``: what its own tenth holds.
    """
    total = observed.sum() if observed.sum() > 0 else np.nan
    found = _tenths(predicted[by], pd.DataFrame({"predicted": predicted[by], "observed": observed}))
    table = found.mean().assign(n=found.size(), observed_share=found["observed"].sum() / total)
    for model in (name for name in predicted if name != by):
        table[f"{model}_share"] = _tenths(predicted[model], pd.DataFrame({"observed": observed})).sum() / total
    return table.reset_index()


def _tenths(rank: np.ndarray, table: pd.DataFrame) -> DataFrameGroupBy:
    order = np.argsort(-rank, kind="stable")
    number = np.minimum(np.arange(len(order)) * 10 // max(len(order), 1), 9) + 1
    return table.iloc[order].assign(decile=number).groupby("decile")


def coverage(low: pd.Series, high: pd.Series, observed: pd.Series) -> float:
    """Return the share of outcomes within their intervals, to the cent."""
    inside = (observed.to_numpy() >= low.to_numpy() - CENT) & (observed.to_numpy() <= high.to_numpy() + CENT)
    return float(inside.mean())


def next_coverage(dates: pd.DataFrame, next_days: pd.Series) -> dict[str, float]:
    """Measure how well next purchases were forecast.

    Parameters
    ----------
    dates : DataFrame
        buy_probability, low, middle, high (weeks), as ``next_purchase.next_weeks`` gives them at the cut-off.
    next_days : Series
        Days from then to the next purchase, missing where none came.

    Returns
    -------
    dict
        next_expected, next_observed (customers who buy in the test period), next_coverage (share of those whose date
        lies in its range), next_days_off_median (distance from the middle, days).
    """
    came = next_days.notna().to_numpy()
    found = {"next_expected": float(dates["buy_probability"].sum()), "next_observed": float(came.sum())}
    if not came.any():
        return found | {"next_coverage": float("nan"), "next_days_off_median": float("nan")}
    days, given = next_days.to_numpy()[came], np.ceil(dates.loc[came, ["low", "middle", "high"]] * DAYS_A_WEEK)
    inside = (days >= given["low"]) & (days <= given["high"])
    off = float((given["middle"] - days).abs().median())
    return found | {"next_coverage": float(inside.mean()), "next_days_off_median": off}


def spread_of_outcomes(
    predicted: np.ndarray, observed: np.ndarray, *, level: float, groups: int = 10
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return bounds between groups of like prediction, and the quantiles of the outcomes within each group.

    Returns
    -------
    edges, low, high : tuples
        One more of the last two than of the first.
    """
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, groups + 1)[1:-1]))
    home = np.searchsorted(edges, predicted, side="right")
    tails = [(1 - level) / 2, (1 + level) / 2]
    parts = [observed[home == at] for at in range(len(edges) + 1)]
    bounds = np.array([np.quantile(part if len(part) else observed, tails) for part in parts])
    return tuple(edges.tolist()), tuple(bounds[:, 0].tolist()), tuple(bounds[:, 1].tolist())


def recency_by_frequency(history: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Return what is expected of customers by how often they came again and how long ago they came last.

    Returns
    -------
    DataFrame
        repeats (number of the band: 0 to 5 repeats one by one, 5 standing for 5 and more; fifths of the customers where
        half of them came again more often than that), repeats_low, repeats_high (both within; the last band of the
        first kind is open: infinite), idle (number of the band: fifths by days since the last purchase; fewer where
        many have the same), idle_low, idle_high (days, both within), n, p_alive, expected_orders (means).
    """
    repeats = history["repeats"].to_numpy(dtype=float)
    idle = np.rint((history["age_weeks"] - history["last_weeks"]).to_numpy() * DAYS_A_WEEK)
    often = len(repeats) > 0 and np.median(repeats) > _MOST_ROWS
    rows = _fifths(repeats) if often else np.append(np.arange(_MOST_ROWS + 1.0), np.inf)
    columns = _fifths(idle)
    table = values[["p_alive", "expected_orders"]].assign(repeats=_band(repeats, rows), idle=_band(idle, columns))
    grouped = table.groupby(["repeats", "idle"])
    found = grouped.mean().assign(n=grouped.size()).reset_index()
    for name, edges in (("repeats", rows), ("idle", columns)):
        highs = np.append(edges[1:-1] - 1, edges[-1:])  # a band ends before the next begins
        found = found.assign(**{f"{name}_low": edges[found[name]], f"{name}_high": highs[found[name]]})
    return found


def _fifths(numbers: np.ndarray) -> np.ndarray:
    """Return the distinct edges of fifths of whole numbers, the least and the greatest among them; two at least."""
    if not len(numbers):
        return np.zeros(2)
    edges = np.unique(np.ceil(np.quantile(numbers, np.linspace(0, 1, 6)).round(6)))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def _band(numbers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges[:-1], numbers, side="right") - 1, 0, None)


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
