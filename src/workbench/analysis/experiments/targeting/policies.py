"""What a rule of whom to treat is worth, by weights of the design on customers held out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["policy_value", "try_policies"]

SHARES = (0.1, 0.2, 0.3, 0.5)


def policy_value(
    values: np.ndarray, treated: np.ndarray, chosen: np.ndarray, *, share: float, alpha: float = 0.05
) -> tuple[float, float, float]:
    """Estimate the mean outcome if exactly the chosen customers were treated.

    Parameters
    ----------
    values : ndarray of float
        The outcome.
    treated : ndarray of bool
        What the experiment did.
    chosen : ndarray of bool
        What the policy would do, decided without looking at these customers' outcomes.
    share : float in (0, 1)
        The design's share of treated customers.
    alpha : float

    Returns
    -------
    (float, float, float)
        Value with its interval.

    Notes
    -----
    Normalised inverse propensity weighting (Hajek) with the propensities of the design; the error is that of the
    linearised mean.
    """
    agrees = treated == chosen
    weights = np.where(agrees, 1 / np.where(chosen, share, 1 - share), 0.0)
    total = weights.sum()
    if not total:
        return float("nan"), float("nan"), float("nan")
    value = float((weights * values).sum() / total)
    linear = weights * (values - value) / weights.mean()
    half = float(stats.norm.ppf(1 - alpha / 2) * linear.std(ddof=1) / np.sqrt(len(values)))
    return value, value - half, value + half


def try_policies(
    rankings: dict[str, np.ndarray], values: np.ndarray, treated: np.ndarray, *, share: float, alpha: float = 0.05
) -> pd.DataFrame:
    """Estimate the value of treating all, none, and those ranked highest.

    Parameters
    ----------
    rankings : dict of str to ndarray
        Name to scores from models that have not seen the customer.
    values, treated : ndarray
    share : float
        The design's share of treated customers.
    alpha : float

    Returns
    -------
    DataFrame
        policy (``all``, ``none`` or the ranking's name), share (of customers treated), value, low, high, estimator
        (``ipw``).
    """
    rows = []
    plans = [("none", 0.0, np.zeros(len(values), bool)), ("all", 1.0, np.ones(len(values), bool))]
    for name, scores in rankings.items():
        ranks = np.empty(len(scores))
        ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
        plans += [(name, part, ranks < part * len(scores)) for part in SHARES]
    for policy, part, chosen in plans:
        value, low, high = policy_value(values, treated, chosen, share=share, alpha=alpha)
        rows.append({"policy": policy, "share": part, "value": value, "low": low, "high": high, "estimator": "ipw"})
    return pd.DataFrame(rows)
