"""The models of orders, behind one face: fit, expectation, chance of being alive, draws of what may happen."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.value.history import collapse
from workbench.analysis.value.models import bg_nbd, pareto_nbd

if TYPE_CHECKING:
    from workbench.analysis.value.models.fitting import Fit

__all__ = ["ORDER_MODELS", "alive", "draw_orders", "expect", "expect_of_new", "fit_orders", "naive_orders", "spread"]

ORDER_MODELS: dict[str, ModuleType] = {"bgnbd": bg_nbd, "pareto": pareto_nbd}
PARAMETER_DRAWS = 40
_COLUMNS = ("repeats", "last_weeks", "age_weeks")


def fit_orders(model: str, history: pd.DataFrame) -> Fit:
    """Fit a model of orders (a key of `ORDER_MODELS`) to a history; equal customers are counted, not repeated."""
    counted = collapse(history)
    x, t_x, t = (counted[name].to_numpy(dtype=float) for name in _COLUMNS)
    return ORDER_MODELS[model].fit(x, t_x, t, counted["customers"].to_numpy(dtype=float))


def expect(model: str, fit: Fit, history: pd.DataFrame, *, weeks: float) -> np.ndarray:
    """Return the purchase days expected of each customer of a history in the next weeks."""
    return _by_kind(history, lambda *each: ORDER_MODELS[model].expected_orders(fit.parameters, *each, weeks=weeks))


def alive(model: str, fit: Fit, history: pd.DataFrame) -> np.ndarray:
    """Return the model's probability that each customer still buys; no churn risk (see ``bg_nbd``)."""
    return _by_kind(history, lambda *each: ORDER_MODELS[model].alive_probability(fit.parameters, *each))


def expect_of_new(model: str, fit: Fit, weeks: np.ndarray) -> np.ndarray:
    """Return the repeat purchase days expected of a new customer within some weeks; 0 at and before week 0."""
    weeks = np.asarray(weeks, dtype=float)
    found = np.zeros(weeks.shape)
    found[weeks > 0] = ORDER_MODELS[model].expected_orders_of_new(fit.parameters, weeks[weeks > 0])
    return found


def naive_orders(history: pd.DataFrame, *, weeks: float) -> np.ndarray:
    """Return each customer's own rate so far, carried on: repeats / age x weeks; 0 on the first day."""
    age = history["age_weeks"].to_numpy(dtype=float)
    return np.where(age > 0, history["repeats"].to_numpy() / np.where(age > 0, age, 1.0) * weeks, 0.0)


def draw_orders(
    model: str, fit: Fit, history: pd.DataFrame, *, weeks: float, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw how many purchase days each customer may have in the next weeks.

    Parameters are taken from their sampling distribution (estimates are uncertain), `PARAMETER_DRAWS` times at most;
    then come the customer's own rates given the history, then what happens (life is uncertain).

    Returns
    -------
    array of int, shape (customers, draws)
    """
    x, t_x, t = (history[name].to_numpy(dtype=float)[:, None] for name in _COLUMNS)
    taken = spread(fit.draw(min(draws, PARAMETER_DRAWS), rng), draws)
    rate = rng.gamma(taken["r"] + x, 1 / (taken["alpha"] + t))
    living = rng.random(rate.shape) < _alive_draws(model, taken, x, t_x, t)
    if model == "bgnbd":
        stop = np.clip(rng.beta(taken["a"], taken["b"] + x), 1e-9, 1.0)
        orders = np.minimum(rng.poisson(rate * weeks), rng.geometric(stop))
    else:
        leave = rng.gamma(np.broadcast_to(taken["s"], rate.shape), 1 / (taken["beta"] + t))
        span = np.minimum(rng.exponential(1 / np.maximum(leave, 1e-12)), weeks)
        orders = rng.poisson(rate * span)
    return np.where(living, orders, 0)


def spread(taken: dict[str, np.ndarray], draws: int) -> dict[str, np.ndarray]:
    """Repeat drawn parameters until there is one set for each of the draws; shape (1, draws)."""
    return {name: np.resize(values, draws)[None, :] for name, values in taken.items()}


def _alive_draws(model: str, taken: dict[str, np.ndarray], x: np.ndarray, t_x: np.ndarray, t: np.ndarray) -> np.ndarray:
    if model == "bgnbd":
        return bg_nbd.alive_probability(taken, x, t_x, t)
    distinct, place = np.unique(np.array([values[0] for values in taken.values()]), axis=1, return_inverse=True)
    columns = [
        pareto_nbd.alive_probability(dict(zip(taken, each, strict=True)), x[:, 0], t_x[:, 0], t[:, 0])
        for each in distinct.T
    ]
    return np.column_stack(columns)[:, place]


def _by_kind(history: pd.DataFrame, compute) -> np.ndarray:
    """Compute once per kind of customer, give to everybody."""
    kinds = history.groupby(list(_COLUMNS), sort=False)
    number = kinds.ngroup().to_numpy()
    first = history.iloc[np.unique(number, return_index=True)[1]]
    return compute(*(first[name].to_numpy(dtype=float) for name in _COLUMNS))[number]
