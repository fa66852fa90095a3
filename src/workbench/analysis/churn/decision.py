"""Which customers to contact, how many of them would leave, and what is the profit? For 08_predict_churn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.analysis.intervals import wilson

__all__ = ["PRECISION", "Decision", "decide", "precision_by_share", "profit_curve"]

POINTS = 50  # points of the profit curve
DIGITS = 6
PRECISION = ("share", "tested", "positives", "precision", "low", "high")


@dataclass(frozen=True)
class Decision:
    """A contact list and its expected result.

    Attributes
    ----------
    size : int
        Customers on the list: those at highest risk today.
    scored : int
        Customers from whom the list was chosen.
    expected : float
        Expected leavers: the sum of their probabilities.
    precision, precision_low, precision_high : float
        Share of leavers among the tested customers at the same top share, with its Wilson interval; NaN without a test.
    tested : int
        Tested customers at that top share.
    random : float
        Share of leavers among all tested customers: the precision of a random list.
    customers : pandas.DataFrame
        customer_id, churn_probability of the customers on the list, the highest first, ties by id.
    gone : int
        Customers excluded from the list because they have already left.
    dated : bool
        Whether the test period is later than the training; if not, the test shows who had left, not who will leave.
    """

    size: int
    scored: int
    expected: float
    precision: float
    precision_low: float
    precision_high: float
    tested: int
    random: float
    customers: pd.DataFrame
    gone: int = 0
    dated: bool = True


def decide(
    scored: pd.DataFrame, predictions: pd.DataFrame, *, decision_share: float = 0.1, decision_size: int | None = None
) -> Decision:
    """List the customers at highest risk, with the observed precision of the same share of the test.

    Parameters
    ----------
    scored : pandas.DataFrame
        customer_id, churn_probability of today's customers.
    predictions : pandas.DataFrame
        customer_id, label, churn_probability of the tested customers.
    decision_share : float
        Share of today's customers on the list, unless a size is given; at least one customer.
    decision_size : int, optional
        Customers on the list, at most all of them.

    Returns
    -------
    Decision
    """
    n = len(scored)
    size = min(n, decision_size) if decision_size else min(n, max(1, round(n * decision_share)))
    ranked = _ranked(scored).head(size)
    tested = _ranked(predictions)
    top = tested.head(max(1, round(len(tested) * size / max(n, 1))))
    leavers = int(top["label"].sum())
    low, high = wilson(leavers, len(top)) if len(top) else (np.nan, np.nan)
    return Decision(
        size=size,
        scored=n,
        expected=round(float(ranked["churn_probability"].sum()), DIGITS),
        precision=leavers / len(top) if len(top) else np.nan,
        precision_low=float(low),
        precision_high=float(high),
        tested=len(top),
        random=float(tested["label"].mean()) if len(tested) else np.nan,
        customers=ranked[["customer_id", "churn_probability"]].reset_index(drop=True),
    )


def precision_by_share(predictions: pd.DataFrame, shares: Iterable[float]) -> pd.DataFrame:
    """Count the positives among the top shares of the tested customers.

    Parameters
    ----------
    predictions : pandas.DataFrame
        customer_id, label, churn_probability of the tested customers.
    shares : iterable of float in (0, 1]

    Returns
    -------
    pandas.DataFrame, one row per share, in increasing order
        share, tested (customers of that share, at least one), positives (of these), precision (their ratio), low, high
        (95 %, Wilson).

    Examples
    --------
    >>> chances = [0.9, 0.8, 0.7, 0.1]
    >>> tested = pd.DataFrame({"customer_id": list("abcd"), "label": [1, 0, 1, 0], "churn_probability": chances})
    >>> precision_by_share(tested, [0.75])[["tested", "positives"]].values.tolist()
    [[3, 2]]
    """
    labels = _ranked(predictions)["label"].to_numpy(int)
    sizes = {share: max(1, round(len(labels) * share)) for share in sorted(set(shares))} if len(labels) else {}
    rows = []
    for share, tested in sizes.items():
        positives = int(labels[:tested].sum())
        low, high = wilson(positives, tested)
        rows.append((share, tested, positives, positives / tested, float(low), float(high)))
    return pd.DataFrame(rows, columns=list(PRECISION)).round(DIGITS)


def profit_curve(
    predictions: pd.DataFrame, *, contact_cost: float, gain_per_leaver: float, n_bootstraps: int = 200, seed: int = 0
) -> pd.DataFrame:
    """Compute the profit of contacting the riskiest customers of the test, for a given cost and gain.

    Parameters
    ----------
    predictions : pandas.DataFrame
        customer_id, label, churn_probability of the tested customers.
    contact_cost : float
        Cost of contacting one customer.
    gain_per_leaver : float
        Mean gain from contacting a leaver, before the cost: the value of a retained customer times the share of
        contacted leavers who then stay. Both are assumptions, not results.
    n_bootstraps, seed : int

    Returns
    -------
    pandas.DataFrame
        share_contacted (0..1), contacted (customers), profit, low, high (95 %, bootstrap of customers), random (profit
        of the same number chosen at random), best (True where the profit is highest); about fifty rows, the first for
        an empty list.
    """
    ranked = _ranked(predictions)
    labels, n = ranked["label"].to_numpy(float), len(ranked)
    sizes = np.unique(np.round(np.linspace(0, n, POINTS + 1)).astype(int))
    gains = gain_per_leaver * labels - contact_cost
    profit = np.r_[0, gains.cumsum()][sizes]
    rng = np.random.default_rng(seed)
    resampled = np.empty((n_bootstraps, len(sizes)))
    for draw in range(n_bootstraps):
        positions = (
            np.sort(rng.integers(0, n, n)) if n else np.zeros(0, int)
        )  # sorted positions keep the order of the ranking
        resampled[draw] = np.r_[0, gains[positions].cumsum()][sizes]
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    random_profit = sizes * (gain_per_leaver * (labels.mean() if n else 0) - contact_cost)
    table = pd.DataFrame(
        {
            "share_contacted": sizes / max(n, 1),
            "contacted": sizes,
            "profit": profit,
            "low": low,
            "high": high,
            "random": random_profit,
        }
    ).round(DIGITS)
    return table.assign(best=table.index == int(table["profit"].to_numpy().argmax()))


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    order = np.lexsort((frame["customer_id"].astype(str), -frame["churn_probability"].to_numpy(float)))
    return frame.iloc[order]
