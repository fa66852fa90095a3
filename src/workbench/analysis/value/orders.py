"""The order models behind one interface: fit, expected orders, probability of being active, simulation."""

from __future__ import annotations

from collections.abc import Callable
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
    """Fit an order model (a key of `ORDER_MODELS`) to a history; identical customers are fitted as one, weighted."""
    counts = collapse(history)
    x, t_x, t = (counts[name].to_numpy(dtype=float) for name in _COLUMNS)
    return ORDER_MODELS[model].fit(x, t_x, t, counts["customers"].to_numpy(dtype=float))


def expect(model: str, fit: Fit, history: pd.DataFrame, *, weeks: float) -> np.ndarray:
    """Return the expected purchase days of each customer of a history in the next weeks."""
    return _by_kind(
        history, lambda *columns: ORDER_MODELS[model].expected_orders(fit.parameters, *columns, weeks=weeks)
    )


def alive(model: str, fit: Fit, history: pd.DataFrame) -> np.ndarray:
    """Return the model's probability that each customer is still active; not a churn risk (see ``bg_nbd``)."""
    return _by_kind(history, lambda *columns: ORDER_MODELS[model].alive_probability(fit.parameters, *columns))


def expect_of_new(model: str, fit: Fit, weeks: np.ndarray) -> np.ndarray:
    """Return the expected repeat purchase days of a new customer within some weeks; 0 up to week 0."""
    weeks = np.asarray(weeks, dtype=float)
    expected = np.zeros(weeks.shape)
    expected[weeks > 0] = ORDER_MODELS[model].expected_orders_of_new(fit.parameters, weeks[weeks > 0])
    return expected


def naive_orders(history: pd.DataFrame, *, weeks: float) -> np.ndarray:
    """Return expected orders at each customer's past rate, repeats / age x weeks; 0 for customers of age 0."""
    age = history["age_weeks"].to_numpy(dtype=float)
    return np.where(age > 0, history["repeats"].to_numpy() / np.where(age > 0, age, 1.0) * weeks, 0.0)


def draw_orders(
    model: str, fit: Fit, history: pd.DataFrame, *, weeks: float, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Simulate the purchase days of each customer in the next weeks.

    First the parameters are drawn from their sampling distribution (parameter uncertainty), at most `PARAMETER_DRAWS`
    times; then each customer's rates given the history; then the orders (process uncertainty).

    Returns
    -------
    array of int, shape (customers, draws)
    """
    x, t_x, t = (history[name].to_numpy(dtype=float)[:, None] for name in _COLUMNS)
    parameters = spread(fit.draw(min(draws, PARAMETER_DRAWS), rng), draws)
    rate = rng.gamma(parameters["r"] + x, 1 / (parameters["alpha"] + t))
    is_alive = rng.random(rate.shape) < _alive_draws(model, parameters, x, t_x, t)
    if model == "bgnbd":
        stop_probability = np.clip(rng.beta(parameters["a"], parameters["b"] + x), 1e-9, 1.0)
        orders = np.minimum(rng.poisson(rate * weeks), rng.geometric(stop_probability))
    else:
        leaving_rate = rng.gamma(np.broadcast_to(parameters["s"], rate.shape), 1 / (parameters["beta"] + t))
        active_weeks = np.minimum(rng.exponential(1 / np.maximum(leaving_rate, 1e-12)), weeks)
        orders = rng.poisson(rate * active_weeks)
    return np.where(is_alive, orders, 0)


def spread(parameters: dict[str, np.ndarray], draws: int) -> dict[str, np.ndarray]:
    """Repeat drawn parameters to one set per draw; shape (1, draws)."""
    return {name: np.resize(values, draws)[None, :] for name, values in parameters.items()}


def _alive_draws(
    model: str, parameters: dict[str, np.ndarray], x: np.ndarray, t_x: np.ndarray, t: np.ndarray
) -> np.ndarray:
    if model == "bgnbd":
        return bg_nbd.alive_probability(parameters, x, t_x, t)
    distinct, place = np.unique(np.array([values[0] for values in parameters.values()]), axis=1, return_inverse=True)
    columns = [
        pareto_nbd.alive_probability(dict(zip(parameters, values, strict=True)), x[:, 0], t_x[:, 0], t[:, 0])
        for values in distinct.T
    ]
    return np.column_stack(columns)[:, place]


def _by_kind(history: pd.DataFrame, compute: Callable[..., np.ndarray]) -> np.ndarray:
    """Compute once per distinct history and return the result for every customer."""
    kinds = history.groupby(list(_COLUMNS), sort=False)
    kind_number = kinds.ngroup().to_numpy()
    first = history.iloc[np.unique(kind_number, return_index=True)[1]]
    return compute(*(first[name].to_numpy(dtype=float) for name in _COLUMNS))[kind_number]
