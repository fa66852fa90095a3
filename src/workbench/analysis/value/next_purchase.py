"""When will each customer buy next? The probability of a purchase within a horizon, and its date with a range.

In both order models an active customer buys at an individual rate. Given the history the rate has a gamma
distribution; with Pareto/NBD the customer may leave before the next purchase. Dates are those of the next purchase *if*
it falls within the horizon.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.value.history import DAYS_A_WEEK
from workbench.analysis.value.orders import alive

if TYPE_CHECKING:
    from workbench.analysis.value.models.fitting import Fit

__all__ = ["NEXT_LEVEL", "expect_next", "next_weeks"]

NEXT_LEVEL = 0.8  # level of the range of dates
_LEAST_CHANCE = 0.1  # smallest probability for which a date is given
_STEPS = 64
_CHUNK = 50_000


def next_weeks(model: str, fit: Fit, history: pd.DataFrame, *, weeks: float) -> pd.DataFrame:
    """Return the time of the next purchase, in weeks from the end of the history.

    Parameters
    ----------
    model : str
        bgnbd or pareto.
    fit : Fit
    history : DataFrame
        repeats, last_weeks, age_weeks.
    weeks : float
        Horizon.

    Returns
    -------
    DataFrame
        In the order of ``history``: buy_probability (0..1, within the horizon), low, middle, high (weeks; the 10th,
        50th and 90th percentile of the purchases within the horizon).
    """
    parts = [
        _next_weeks(model, fit, history.iloc[start : start + _CHUNK], weeks) for start in range(0, len(history), _CHUNK)
    ]
    table = np.concatenate(parts) if parts else np.empty((0, 4))
    return pd.DataFrame(table, columns=["buy_probability", "low", "middle", "high"])


def expect_next(model: str, fit: Fit, history: pd.DataFrame, *, as_of: date, weeks: float) -> pd.DataFrame:
    """Return the table ``next_purchase``.

    Returns
    -------
    DataFrame
        customer_id, buy_probability (within the horizon), next_purchase_at, next_purchase_low, next_purchase_high
        (dates, 80 % of the purchases within the horizon; missing below a probability of one in ten).
    """
    weeks_to_next = next_weeks(model, fit, history, weeks=weeks)
    start = pd.Timestamp(as_of - timedelta(days=1))
    is_likely = weeks_to_next["buy_probability"] >= _LEAST_CHANCE
    table = {
        "customer_id": history["customer_id"].to_numpy(),
        "buy_probability": weeks_to_next["buy_probability"].round(9),
    }
    for name, which in (("at", "middle"), ("low", "low"), ("high", "high")):
        days = np.maximum(np.ceil(weeks_to_next[which] * DAYS_A_WEEK - 1e-9), 1)
        table[f"next_purchase_{name}"] = (start + pd.to_timedelta(days, unit="D")).where(is_likely)
    return pd.DataFrame(table)


def _next_weeks(model: str, fit: Fit, history: pd.DataFrame, weeks: float) -> np.ndarray:
    x, t = (history[name].to_numpy(dtype=float)[:, None] for name in ("repeats", "age_weeks"))
    shape, age = fit.parameters["r"] + x, fit.parameters["alpha"] + t
    edges = np.linspace(0, 1, _STEPS + 1)
    within = -np.expm1(
        shape * np.log(age / (age + weeks))
    )  # probability that an active customer buys within the horizon
    steps = np.minimum(edges * within, 1 - 1e-12)
    at = np.minimum(
        age * np.expm1(-np.log1p(-steps) / shape), weeks
    )  # weeks at equal steps of the purchase probability
    is_active = np.ones_like(at)
    if model == "pareto":
        beta_t = fit.parameters["beta"] + t
        is_active = (beta_t / (beta_t + at)) ** fit.parameters["s"]
    cumulative = np.cumsum((is_active[:, 1:] + is_active[:, :-1]) / 2, axis=1) * within / _STEPS
    cumulative = np.column_stack([np.zeros(len(cumulative)), cumulative])
    tails = ((1 - NEXT_LEVEL) / 2, 0.5, (1 + NEXT_LEVEL) / 2)
    quantiles = [_cross(cumulative, at, cumulative[:, -1] * tail) for tail in tails]
    return np.column_stack([cumulative[:, -1] * alive(model, fit, history), *quantiles])


def _cross(rising: np.ndarray, at: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return where each increasing row crosses a level, by linear interpolation."""
    rows = np.arange(len(rising))
    after = np.clip((rising < level[:, None]).sum(axis=1), 1, rising.shape[1] - 1)
    low, high = rising[rows, after - 1], rising[rows, after]
    fraction = np.where(high > low, (level - low) / np.where(high > low, high - low, 1.0), 0.0)
    return at[rows, after - 1] + fraction * (at[rows, after] - at[rows, after - 1])
