"""Who gains most? S- and T-learners of uplift, cross-fitted, with Qini curve and interval.

A ranking by uplift is shown beside a random one and one by the chance of the outcome alone. It never decides whether
there is heterogeneity: on noise, half of all held-out Qini coefficients are above 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import StratifiedKFold

from workbench.analysis.threads import one_thread

__all__ = ["LEARNERS", "Ranking", "cross_fit", "new_model", "predict_uplift", "qini", "qini_curve", "rank_by_uplift"]

LEARNERS = ("s_learner", "t_learner")
FOLDS = 5
STEPS = 20  # points of the curve
_TREES = {"max_iter": 60, "max_leaf_nodes": 8, "min_samples_leaf": 40, "learning_rate": 0.08}


@dataclass(frozen=True)
class Ranking:
    """A ranking of customers with its quality.

    Attributes
    ----------
    name : str
        ``s_learner``, ``t_learner``, ``response`` (chance of the outcome) or ``random``.
    scores : ndarray of float
        Each customer's score from models that have not seen the customer.
    qini, low, high : float
        Qini coefficient with its bootstrap interval.
    uplift_at : dict of float to float
        Share of customers to the effect among the share ranked highest.
    """

    name: str
    scores: np.ndarray
    qini: float
    low: float
    high: float
    uplift_at: dict[float, float]


def cross_fit(
    features: pd.DataFrame, values: np.ndarray, treated: np.ndarray, *, learner: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predict uplift and response of every customer by models fitted on the other folds.

    Parameters
    ----------
    features : DataFrame
        Numeric columns known before the assignment; missing values are allowed.
    values : ndarray of float
        The outcome, without missing values.
    treated : ndarray of bool
    learner : {"s_learner", "t_learner"}
    seed : int

    Returns
    -------
    (ndarray, ndarray)
        Predicted uplift, and predicted outcome without treatment.
    """
    numbers = features.to_numpy(float)
    uplift, response = np.zeros(len(values)), np.zeros(len(values))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for kept, held in folds.split(numbers, treated):
        arms = predict_uplift(numbers[kept], values[kept], treated[kept], numbers[held], learner=learner, seed=seed)
        uplift[held], response[held] = arms[0] - arms[1], arms[1]
    return uplift, response


def predict_uplift(
    numbers: np.ndarray, values: np.ndarray, treated: np.ndarray, rows: np.ndarray, *, learner: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit on some customers and predict for others: the outcome with and without treatment."""
    if learner == "s_learner":
        model = _fitted(np.column_stack([numbers, treated]), values, seed)
        both = [np.column_stack([rows, np.full(len(rows), at)]) for at in (1.0, 0.0)]
        return _predicted(model, both[0]), _predicted(model, both[1])
    models = [_fitted(numbers[treated == at], values[treated == at], seed) for at in (True, False)]
    return _predicted(models[0], rows), _predicted(models[1], rows)


def qini_curve(scores: np.ndarray, values: np.ndarray, treated: np.ndarray, *, steps: int = STEPS) -> pd.DataFrame:
    """Return the gain of treating those ranked highest, in outcomes per customer of the whole base.

    Parameters
    ----------
    scores : ndarray of float
        Ties keep the order of the rows.
    values, treated : ndarray
    steps : int

    Returns
    -------
    DataFrame
        share (of customers, 0 to 1), gain (effect among them times their share; missing where an arm is empty), random
        (overall effect times share).

    Notes
    -----
    Radcliffe (2007), "Using control groups to target on predicted lift", section 4, divided by the number of customers.
    """
    share, gain = _gains(scores, values, treated, steps)
    return pd.DataFrame({"share": share, "gain": gain, "random": gain[-1] * share})


def qini(scores: np.ndarray, values: np.ndarray, treated: np.ndarray) -> float:
    """Return the Qini coefficient: the mean gap between the curve and a random ranking, over the shares.

    Its unit is that of the outcome per customer; it is not comparable with the coefficients of other libraries.
    """
    share, gain = _gains(scores, values, treated, STEPS)
    present = ~np.isnan(gain)
    return float(np.trapezoid(gain[present] - gain[-1] * share[present], share[present]))


def _gains(scores: np.ndarray, values: np.ndarray, treated: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return shares of customers, and the gain of treating that share of those ranked highest."""
    order = np.argsort(-scores, kind="stable")
    y, arm = values[order], treated[order].astype(bool)
    at = np.unique(np.round(np.linspace(0, len(y), steps + 1)).astype(int))
    counts = [np.concatenate([[0], np.cumsum(part)])[at] for part in (arm, ~arm)]
    sums = [np.concatenate([[0.0], np.cumsum(np.where(part, y, 0))])[at] for part in (arm, ~arm)]
    with np.errstate(invalid="ignore", divide="ignore"):
        effects = sums[0] / counts[0] - sums[1] / counts[1]
    share = at / max(len(y), 1)
    return share, np.where(at == 0, 0.0, effects * share)


def rank_by_uplift(
    features: pd.DataFrame, values: np.ndarray, treated: np.ndarray, *, n_bootstraps: int, seed: int
) -> list[Ranking]:
    """Compare rankings by uplift with one by response and a random one.

    Parameters
    ----------
    features : DataFrame
        Numeric columns known before the assignment.
    values, treated : ndarray
    n_bootstraps : int
        Resamples of customers for the interval of the Qini coefficient.
    seed : int

    Returns
    -------
    list of Ranking
        ``s_learner``, ``t_learner``, ``response``, ``random``.
    """
    with one_thread():
        s_uplift, response = cross_fit(features, values, treated, learner="s_learner", seed=seed)
        t_uplift, _ = cross_fit(features, values, treated, learner="t_learner", seed=seed)
    draws = np.random.default_rng(seed)
    scores = {"s_learner": s_uplift, "t_learner": t_uplift, "response": response, "random": draws.random(len(values))}
    orders = {name: np.argsort(-of_name, kind="stable") for name, of_name in scores.items()}
    arm, of_arm = treated.astype(float), values * treated
    ordered = {name: (values[order], arm[order], of_arm[order]) for name, order in orders.items()}
    resampled: dict[str, list[float]] = {name: [] for name in scores}
    for _ in range(n_bootstraps):  # the same resamples for every ranking
        weights = np.bincount(draws.integers(0, len(values), len(values)), minlength=len(values)).astype(float)
        for name, order in orders.items():
            resampled[name].append(_weighted_qini(weights[order], *ordered[name]))
    return [_ranking(name, of_name, values, treated, resampled[name]) for name, of_name in scores.items()]


def _weighted_qini(weights: np.ndarray, values: np.ndarray, arm: np.ndarray, of_arm: np.ndarray) -> float:
    """Return the Qini coefficient of customers in order of their scores, each counted as often as it was drawn.

    ``arm`` is 1 for the treated, ``of_arm`` their outcome and 0 for others.
    """
    drawn = np.cumsum(weights)
    at = np.searchsorted(drawn, np.round(np.linspace(0, drawn[-1], STEPS + 1)), side="left")
    ends = np.unique(np.append(at[at > 0], len(weights)))
    starts = np.concatenate([[0], ends[:-1]])
    treated, outcome, all_outcomes = (
        np.cumsum(np.add.reduceat(part * weights, starts)) for part in (arm, of_arm, values)
    )
    everybody = drawn[ends - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        effects = outcome / treated - (all_outcomes - outcome) / (everybody - treated)
    share = np.concatenate([[0.0], everybody / drawn[-1]])
    gain = np.concatenate([[0.0], effects]) * share
    present = ~np.isnan(gain)
    return float(np.trapezoid(gain[present] - gain[-1] * share[present], share[present]))


def _ranking(name: str, scores: np.ndarray, values: np.ndarray, treated: np.ndarray, resampled: list[float]) -> Ranking:
    low, high = np.nanquantile(resampled, [0.025, 0.975]) if resampled else (np.nan, np.nan)
    curve = qini_curve(scores, values, treated)
    at = {share: float(np.interp(share, curve["share"], curve["gain"]) / share) for share in (0.1, 0.2, 0.3)}
    return Ranking(name, scores, qini(scores, values, treated), float(low), float(high), at)


def _fitted(
    numbers: np.ndarray, values: np.ndarray, seed: int
) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    return new_model(values, seed).fit(numbers, values)


def new_model(values: np.ndarray, seed: int) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    """Return an unfitted model of this outcome: a classifier of 0 and 1, else a regressor."""
    binary = bool(np.isin(values, (0.0, 1.0)).all()) and len(np.unique(values)) > 1
    build = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    return build(**_TREES, early_stopping=False, random_state=seed)


def _predicted(model: HistGradientBoostingClassifier | HistGradientBoostingRegressor, rows: np.ndarray) -> np.ndarray:
    is_rate = isinstance(model, HistGradientBoostingClassifier)
    return model.predict_proba(rows)[:, 1] if is_rate else model.predict(rows)
