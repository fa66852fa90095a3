"""How is one churn model fitted, calibrated and chosen? Steps of 08_predict_churn, on periods and on folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from workbench.analysis.churn_candidates import CANDIDATES, ModelColumns, build_candidates, tidy
from workbench.analysis.evaluation import auc, auc_standard_error, logistic_line, logit

__all__ = [
    "ChurnModel",
    "choose_candidate",
    "fit_candidate",
    "fit_nested",
    "inner_scores",
    "platt_line",
    "train_calibrated",
]

INNER = 3  # folds inside the training customers
DIGITS = 6
RAW = (1.0, 0.0)  # the calibrating line that changes nothing
Labelled = tuple[pd.DataFrame, np.ndarray]  # tidy features, labels


@dataclass(frozen=True)
class ChurnModel:
    """A fitted pipeline and the line that calibrates it.

    Attributes
    ----------
    name : str
        The candidate.
    columns : ModelColumns
    pipeline : sklearn.pipeline.Pipeline
    slope, intercept : float
        Of the calibration: logit(p) = intercept + slope logit(raw p) (Platt 1999, fitted on customers not trained on).
    """

    name: str
    columns: ModelColumns
    pipeline: Any
    slope: float
    intercept: float

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        """Return the calibrated probability of the event for each row, in 0..1."""
        if not len(features):
            return np.zeros(0)
        with threadpool_limits(limits=1):
            raw = self.pipeline.predict_proba(tidy(features, self.columns))[:, 1]
        return _calibrated(raw, (self.slope, self.intercept))


def fit_candidate(
    name: str,
    columns: ModelColumns,
    train: Labelled,
    *,
    seed: int,
    line: tuple[float, float],
) -> ChurnModel:
    """Fit a candidate on training customers.

    Parameters
    ----------
    name : str
        One of ``churn_candidates.CANDIDATES``.
    columns : ModelColumns
    train : (pandas.DataFrame, numpy.ndarray)
        Features as ``tidy`` gives them, and labels 0 or 1, both present.
    seed : int
    line : (slope, intercept)
        The calibration to carry; ``RAW`` for none.

    Returns
    -------
    ChurnModel
        Fitted on one thread, so that the same input gives the same bytes.
    """
    pipeline = build_candidates(columns, seed=seed)[name]
    with threadpool_limits(limits=1):
        pipeline.fit(*train)
    return ChurnModel(name, columns, pipeline, *line)


def train_calibrated(
    name: str,
    columns: ModelColumns,
    train: Labelled,
    calibrate: Labelled,
    seed: int,
) -> tuple[ChurnModel, float]:
    """Fit on one period and calibrate on the next.

    Parameters
    ----------
    name, columns, train, seed
        As for ``fit_candidate``.
    calibrate : (pandas.DataFrame, numpy.ndarray)
        Customers the model was not fitted on.

    Returns
    -------
    (ChurnModel, float)
        The calibrated model, and the AUC of its raw scores on the calibration customers.
    """
    raw = fit_candidate(name, columns, train, seed=seed, line=RAW)
    scores = raw.predict(calibrate[0])
    line = platt_line(scores, calibrate[1])
    return ChurnModel(name, columns, raw.pipeline, *line), auc(calibrate[1], scores)


def platt_line(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Fit the calibrating line on Platt's targets, which keep a little doubt: (positives + 1) / (positives + 2)."""
    positives = labels.sum()
    high, low = (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2)
    slope, intercept = logistic_line(logit(scores), np.where(labels == 1, high, low))
    return round(slope, DIGITS), round(intercept, DIGITS)


def _calibrated(raw: np.ndarray, line: tuple[float, float]) -> np.ndarray:
    slope, intercept = line
    return np.round(1 / (1 + np.exp(-(intercept + slope * logit(raw)))), 9)


def choose_candidate(selection: Mapping[str, float], labels: np.ndarray) -> str:
    """Take the simplest candidate within one standard error of the best AUC."""
    best = max(selection.values())
    positives = int(labels.sum())
    error = auc_standard_error(best, positives, len(labels) - positives)
    return next(name for name in CANDIDATES if selection[name] >= best - error)


def inner_scores(name: str, columns: ModelColumns, train: Labelled, seed: int) -> np.ndarray:
    """Return raw probabilities of each customer from a model that has not seen them."""
    frame, labels = train
    scores = np.zeros(len(labels))
    for rest, held in StratifiedKFold(INNER, shuffle=True, random_state=seed).split(frame, labels):
        model = fit_candidate(name, columns, (frame.iloc[rest], labels[rest]), seed=seed, line=RAW)
        scores[held] = model.predict(frame.iloc[held])
    return scores


def fit_nested(
    columns: ModelColumns, frame: pd.DataFrame, labels: np.ndarray, seed: int
) -> tuple[dict[str, ChurnModel], str]:
    """Fit every candidate, calibrated on inner folds, and choose among them by the inner folds alone.

    Parameters
    ----------
    columns : ModelColumns
    frame : pandas.DataFrame
        Features as ``tidy`` gives them.
    labels : numpy.ndarray
    seed : int

    Returns
    -------
    (dict of ChurnModel, str)
        The candidates fitted on all these customers, and the name of the chosen one.
    """
    train = (frame, labels)
    inner = {name: inner_scores(name, columns, train, seed) for name in CANDIDATES}
    chosen = choose_candidate({name: auc(labels, scores) for name, scores in inner.items()}, labels)
    return {
        name: fit_candidate(name, columns, train, seed=seed, line=platt_line(scores, labels))
        for name, scores in inner.items()
    }, chosen
