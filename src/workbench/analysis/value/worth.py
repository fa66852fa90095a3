"""Expected discounted net value of each customer, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.value.models import gamma_gamma
from workbench.analysis.value.orders import PARAMETER_DRAWS, alive, draw_orders, expect, spread

if TYPE_CHECKING:
    from workbench.analysis.value.models.fitting import Fit

__all__ = ["WEEKS_A_YEAR", "Spend", "Terms", "value_customers"]

WEEKS_A_YEAR = 365.25 / 7
_QUARTERS = 4  # parts of the horizon; orders in a part are discounted from its middle
_CHUNK_CELLS = 4_000_000  # most simulated values in memory


@dataclass(frozen=True)
class Terms:
    """Terms of the valuation.

    Attributes
    ----------
    weeks : float
        Horizon.
    discount_rate : float
        Rate per year, 0.1 = 10 %.
    net_share : float
        Share of payments on purchase days left after returns on other days; 1 without returns.
    margin : float
        Share of net spend left after the cost of goods; 1 without known costs, so that value is net spend.
    level : float
        Level of the interval.
    draws : int
    seed : int
    """

    weeks: float
    discount_rate: float = 0.1
    net_share: float = 1.0
    margin: float = 1.0
    level: float = 0.9
    draws: int = 200
    seed: int = 0


@dataclass(frozen=True)
class Spend:
    """Spend per paid order: Gamma-Gamma, or the mean over all customers if Gamma-Gamma cannot be fitted.

    Attributes
    ----------
    fit : Fit or None
    mean : float
        Net spend per purchase day over all customers (currency).
    """

    fit: Fit | None
    mean: float

    def per_order(self, history: pd.DataFrame) -> np.ndarray:
        """Return the expected spend per order of each customer of a history."""
        if self.fit is None:
            return np.full(len(history), max(self.mean, 0.0))
        x, mean = (history[name].to_numpy(dtype=float) for name in ("paid_repeats", "spend_repeat_mean"))
        return gamma_gamma.expected_spend(self.fit.parameters, x, mean)


def value_customers(model: str, orders: Fit, spend: Spend, history: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    """Value every customer of a history.

    Parameters
    ----------
    model : str
        The model of orders.
    orders : Fit
    spend : Spend
    history : DataFrame
    terms : Terms

    Returns
    -------
    DataFrame
        customer_id, expected_orders, expected_value, value_low, value_high, p_alive; in the order of ``history``. The
        interval covers parameter and process uncertainty at ``terms.level``; the same seed gives the same bounds.
    """
    factor = _discount(model, orders, history, terms) * terms.net_share * terms.margin
    per_order = spend.per_order(history)
    expected = expect(model, orders, history, weeks=terms.weeks)
    low, high = _bounds(model, orders, spend, history, terms)
    return pd.DataFrame(
        {
            "customer_id": history["customer_id"],
            "expected_orders": expected,
            "expected_value": expected * per_order * factor,
            "value_low": low * factor,
            "value_high": high * factor,
            "p_alive": alive(model, orders, history),
        }
    )


def _discount(model: str, orders: Fit, history: pd.DataFrame, terms: Terms) -> np.ndarray:
    """Return the ratio of discounted to undiscounted orders by customer."""
    ends = np.linspace(0, terms.weeks, _QUARTERS + 1)
    totals = [np.zeros(len(history)), *(expect(model, orders, history, weeks=end) for end in ends[1:])]
    middles = (ends[1:] + ends[:-1]) / 2 / WEEKS_A_YEAR
    weights = (1 + terms.discount_rate) ** -middles
    discounted = sum(
        weight * (after - before) for weight, before, after in zip(weights, totals, totals[1:], strict=False)
    )
    return np.where(totals[-1] > 0, discounted / np.where(totals[-1] > 0, totals[-1], 1.0), weights.mean())


def _bounds(
    model: str, orders: Fit, spend: Spend, history: pd.DataFrame, terms: Terms
) -> tuple[np.ndarray, np.ndarray]:
    tails = [(1 - terms.level) / 2, (1 + terms.level) / 2]
    size = max(1, _CHUNK_CELLS // terms.draws)
    quantiles = []
    for number, start in enumerate(range(0, len(history), size)):
        chunk = history.iloc[start : start + size]
        rng = np.random.default_rng([terms.seed, number])
        counts = draw_orders(model, orders, chunk, weeks=terms.weeks, draws=terms.draws, rng=rng)
        quantiles.append(np.quantile(_draw_spend(spend, chunk, counts, rng), tails, axis=1))
    low, high = np.concatenate(quantiles, axis=1) if quantiles else np.empty((2, 0))
    return low, high


def _draw_spend(spend: Spend, history: pd.DataFrame, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Simulate the total spend of the orders of each draw."""
    if spend.fit is None:
        return counts * spend.mean
    draws = counts.shape[1]
    parameters = spread(spend.fit.draw(min(draws, PARAMETER_DRAWS), rng), draws)
    x = history["paid_repeats"].to_numpy(dtype=float)[:, None]
    observed = np.nan_to_num(history["spend_repeat_mean"].to_numpy(dtype=float))[:, None] * x
    scale = rng.gamma(parameters["p"] * x + parameters["q"], 1 / (parameters["v"] + observed))
    shape = parameters["p"] * np.maximum(counts, 1)
    return np.where(counts > 0, rng.gamma(shape) / np.maximum(scale, 1e-300), 0.0)
