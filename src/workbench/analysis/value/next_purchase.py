"""When will each customer buy next? The chance of a purchase within a horizon, and its date with a range.

Under both models of orders a customer who is still there buys at a rate of the own; rates given the history follow a
gamma distribution, and with Pareto/NBD the customer may leave before. Dates are those of the next purchase *if* it
falls within the horizon.
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

NEXT_LEVEL = 0.8  # of the range of dates
_LEAST_CHANCE = 0.1  # below, a date would mislead
_STEPS = 64
_CHUNK = 50_000


def next_weeks(model: str, fit: Fit, history: pd.DataFrame, *, weeks: float) -> pd.DataFrame:
    """Return when customers buy next, in weeks from the end of the history.

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
        (dates, 80 % of the purchases within the horizon; missing where the chance is below one in ten).
    """
    found = next_weeks(model, fit, history, weeks=weeks)
    start = pd.Timestamp(as_of - timedelta(days=1))
    likely = found["buy_probability"] >= _LEAST_CHANCE
    table = {"customer_id": history["customer_id"].to_numpy(), "buy_probability": found["buy_probability"].round(9)}
    for name, which in (("at", "middle"), ("low", "low"), ("high", "high")):
        days = np.maximum(np.ceil(found[which] * DAYS_A_WEEK - 1e-9), 1)
        table[f"next_purchase_{name}"] = (start + pd.to_timedelta(days, unit="D")).where(likely)
    return pd.DataFrame(table)


def _next_weeks(model: str, fit: Fit, history: pd.DataFrame, weeks: float) -> np.ndarray:
    x, t = (history[name].to_numpy(dtype=float)[:, None] for name in ("repeats", "age_weeks"))
    shape, age = fit.parameters["r"] + x, fit.parameters["alpha"] + t
    edges = np.linspace(0, 1, _STEPS + 1)
    within = -np.expm1(shape * np.log(age / (age + weeks)))  # chance that one who stays buys in the horizon
    steps = np.minimum(edges * within, 1 - 1e-12)
    at = np.minimum(age * np.expm1(-np.log1p(-steps) / shape), weeks)  # weeks at equal steps of that chance
    there = np.ones_like(at)
    if model == "pareto":
        left = fit.parameters["beta"] + t
        there = (left / (left + at)) ** fit.parameters["s"]
    share = np.cumsum((there[:, 1:] + there[:, :-1]) / 2, axis=1) * within / _STEPS
    share = np.column_stack([np.zeros(len(share)), share])
    tails = ((1 - NEXT_LEVEL) / 2, 0.5, (1 + NEXT_LEVEL) / 2)
    found = [_cross(share, at, share[:, -1] * tail) for tail in tails]
    return np.column_stack([share[:, -1] * alive(model, fit, history), *found])


def _cross(rising: np.ndarray, at: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return where each rising row crosses a level, straight between its points."""
    rows = np.arange(len(rising))
    after = np.clip((rising < level[:, None]).sum(axis=1), 1, rising.shape[1] - 1)
    low, high = rising[rows, after - 1], rising[rows, after]
    part = np.where(high > low, (level - low) / np.where(high > low, high - low, 1.0), 0.0)
    return at[rows, after - 1] + part * (at[rows, after] - at[rows, after - 1])
