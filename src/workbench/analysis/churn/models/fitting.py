"""Fitting, searching, calibrating and choosing one churn model: steps of 08_predict_churn, on periods or folds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from workbench.analysis.churn.models.candidates import (
    CANDIDATES,
    SEARCHED,
    available_candidates,
    build_inputs,
    build_learner,
    inputs_of,
)
from workbench.analysis.churn.models.evaluation import auc, auc_standard_error, logistic_line, logit
from workbench.analysis.model_columns import ModelColumns, tidy

__all__ = [
    "ChurnModel",
    "Held",
    "Recipe",
    "Training",
    "choose_candidate",
    "fit_candidate",
    "fit_nested",
    "folds_of",
    "inner_scores",
    "pinned",
    "platt_line",
    "sampled",
    "train_calibrated",
]

INNER = 3  # folds within the training customers
DIGITS = 6
RAW = (1.0, 0.0)  # slope and intercept of no calibration
MOST_ROWS = 50_000  # most customers for fitting the slow learners, a seeded sample
SLOW = frozenset({"svm", "neural_network"})


@dataclass(frozen=True)
class Recipe:
    """Settings shared by all fits of one study.

    Attributes
    ----------
    columns : ModelColumns
    seed, horizon_days : int
    groups : numpy.ndarray or None
        Household of each row, shape (n,); folds keep households together. None: no two customers share a household.
    """

    columns: ModelColumns
    seed: int = 0
    horizon_days: int = 28
    groups: np.ndarray | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates, the simplest first."""
        return available_candidates(self.columns)

    def of(self, rows: np.ndarray) -> Recipe:
        """Return the recipe for a subset of the rows."""
        return self if self.groups is None else replace(self, groups=self.groups[rows])


class Training:
    """Training customers, with inputs prepared once per kind.

    Parameters
    ----------
    frame : pandas.DataFrame
        Features from ``tidy``.
    labels : numpy.ndarray
        0 or 1, both present.
    columns : ModelColumns
    """

    def __init__(self, frame: pd.DataFrame, labels: np.ndarray, columns: ModelColumns):
        self.frame = frame
        self.labels = labels
        self.columns = columns
        self._prepared: dict[str, tuple[Any, np.ndarray]] = {}

    def prepared(self, kind: str) -> tuple[Any, np.ndarray]:
        """Return the fitted inputs of a kind, and these customers transformed by them."""
        if kind not in self._prepared:
            inputs = build_inputs(kind, self.columns)
            self._prepared[kind] = (inputs, inputs.fit_transform(self.frame))
        return self._prepared[kind]


class Held:
    """Customers held out from training, with inputs prepared once per kind.

    Parameters
    ----------
    train : Training
    frame : pandas.DataFrame
        Features from ``tidy``.
    labels : numpy.ndarray
        0 or 1.
    """

    def __init__(self, train: Training, frame: pd.DataFrame, labels: np.ndarray):
        self.labels = labels
        self._train = train
        self._frame = frame
        self._made: dict[str, np.ndarray] = {}

    def scores(self, model: ChurnModel) -> np.ndarray:
        """Return the raw probabilities of a model fitted on the training customers."""
        kind = inputs_of(model.name, model.columns)
        if kind not in self._made:
            self._made[kind] = self._train.prepared(kind)[0].transform(self._frame)
        return _raw(model.pipeline[1:], self._made[kind])


@dataclass(frozen=True)
class ChurnModel:
    """A fitted pipeline and its calibration line.

    Attributes
    ----------
    name : str
        The candidate.
    columns : ModelColumns
    pipeline : sklearn.pipeline.Pipeline
    slope, intercept : float
        Calibration line: logit(p) = intercept + slope logit(raw p) (Platt 1999), fitted on held-out customers.
    settings : dict
        Settings chosen by the search.
    """

    name: str
    columns: ModelColumns
    pipeline: Any
    slope: float
    intercept: float
    settings: dict[str, Any] = field(default_factory=dict)

    def predict(self, features: pd.DataFrame) -> np.ndarray:
        """Return the calibrated probability of the event for each row, in 0..1."""
        return np.round(expit(self.log_odds(features)), 9)

    def calibrated(self, raw: np.ndarray) -> np.ndarray:
        """Calibrate raw probabilities."""
        return np.round(expit(self.intercept + self.slope * logit(raw)), 9)

    def log_odds(self, features: pd.DataFrame) -> np.ndarray:
        """Return the calibrated log odds of the event for each row."""
        if not len(features):
            return np.zeros(0)
        # trees sum row by row, the same on any number of threads; matrix products need a single thread
        with threadpool_limits(limits=1, user_api="blas"), config_context(assume_finite=True):
            raw = _raw(self.pipeline, tidy(features, self.columns))
        return self.intercept + self.slope * logit(raw)


@contextmanager
def pinned() -> Iterator[None]:
    """Limit every learner to one thread; slow learners have limited iterations and may stop before convergence.

    ``tidy`` leaves no infinite values, so scikit-learn's repeated input checks are switched off.
    """
    unchecked = config_context(assume_finite=True, skip_parameter_validation=True)
    with threadpool_limits(limits=1), unchecked, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def fit_candidate(
    name: str,
    recipe: Recipe,
    train: Training,
    *,
    settings: Mapping[str, Any] | None = None,
    line: tuple[float, float] = RAW,
) -> ChurnModel:
    """Fit a candidate on training customers.

    Parameters
    ----------
    name : str
        One of ``candidates.CANDIDATES``.
    recipe : Recipe
    train : Training
    settings : mapping, optional
        As in ``candidates.SEARCHED``; default: the first of the candidate.
    line : (slope, intercept)
        The calibration line; ``RAW`` for none.

    Returns
    -------
    ChurnModel
        Call this function inside ``pinned``, so that the same input gives the same bytes. The support vector machine
        and the neural network are fitted on at most 50,000 customers, sampled with the seed.
    """
    chosen = dict(settings if settings is not None else SEARCHED.get(name, ({},))[0])
    learner = build_learner(name, recipe.columns, settings=chosen, seed=recipe.seed, horizon_days=recipe.horizon_days)
    inputs, matrix = train.prepared(inputs_of(name, recipe.columns))
    labels = train.labels
    if name in SLOW and len(labels) > MOST_ROWS:
        rows = sampled(len(labels), recipe.seed)
        matrix, labels = matrix[rows], labels[rows]
    learner.fit(matrix, labels)
    return ChurnModel(name, recipe.columns, make_pipeline(inputs, *learner), *line, settings=chosen)


def sampled(count: int, seed: int) -> np.ndarray:
    """Return sorted positions of at most 50,000 of ``count`` rows, sampled with the seed."""
    if count <= MOST_ROWS:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MOST_ROWS, replace=False))


def train_calibrated(
    name: str, recipe: Recipe, train: Training, calibrate: Held, *, settings: Mapping[str, Any] | None = None
) -> tuple[ChurnModel, float]:
    """Fit on one period; search settings and calibrate on the next.

    Parameters
    ----------
    name, recipe, train
        As for ``fit_candidate``.
    calibrate : Held
        Customers the model was not fitted on.
    settings : mapping, optional
        Used instead of a search.

    Returns
    -------
    (ChurnModel, float)
        The calibrated model with the settings of the best AUC on the calibration customers (of equal ones the most
        regularised), and the AUC of its raw scores there.
    """
    searched = SEARCHED.get(name, ({},)) if settings is None else (settings,)
    fits = [_fit_and_score(name, recipe, options, train, calibrate) for options in searched]
    model, scores, best_auc = max(fits, key=itemgetter(2))
    slope, intercept = platt_line(scores, calibrate.labels)
    return replace(model, slope=slope, intercept=intercept), best_auc


def platt_line(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Fit the calibration line on Platt's smoothed targets: (positives + 1) / (positives + 2)."""
    positives = labels.sum()
    high, low = (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2)
    slope, intercept = logistic_line(logit(scores), np.where(labels == 1, high, low))
    return round(slope, DIGITS), round(intercept, DIGITS)


def choose_candidate(selection: Mapping[str, float], labels: np.ndarray) -> str:
    """Choose the simplest candidate within one standard error of the best AUC."""
    best = max(selection.values())
    positives = int(labels.sum())
    error = auc_standard_error(best, positives, len(labels) - positives)
    return next(name for name in CANDIDATES if name in selection and selection[name] >= best - error)


def folds_of(recipe: Recipe, labels: np.ndarray, *, folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Split customers into stratified folds that keep households together."""
    blank = np.zeros(len(labels))
    if recipe.groups is None:
        return StratifiedKFold(folds, shuffle=True, random_state=seed).split(blank, labels)
    return StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(blank, labels, recipe.groups)


def inner_scores(recipe: Recipe, train: Training) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Return, for every candidate, out-of-fold raw probabilities, and the settings.

    The settings are searched on the first of three folds and reused on the others.
    """
    scores = {name: np.zeros(len(train.labels)) for name in recipe.names}
    settings: dict[str, dict[str, Any]] = {}
    for kept, held in folds_of(recipe, train.labels, folds=INNER, seed=recipe.seed):
        inner_train = Training(train.frame.iloc[kept], train.labels[kept], recipe.columns)
        inner_held = Held(inner_train, train.frame.iloc[held], train.labels[held])
        for name in recipe.names:
            searched = (settings[name],) if name in settings else SEARCHED.get(name, ({},))
            fits = [_fit_and_score(name, recipe, options, inner_train, inner_held) for options in searched]
            model, scores[name][held], _ = max(fits, key=itemgetter(2))
            settings[name] = model.settings
    return {name: (scores[name], settings[name]) for name in recipe.names}


def fit_nested(
    recipe: Recipe, train: Training, *, only: str | None = None
) -> tuple[dict[str, ChurnModel], str, dict[str, float]]:
    """Fit every candidate, calibrated on inner folds, and choose one by its AUC on the inner folds.

    Parameters
    ----------
    recipe : Recipe
        With the groups of the training customers.
    train : Training
    only : str, optional
        Candidate to choose, or "" to choose by AUC; no other candidate is then fitted on all training customers.

    Returns
    -------
    (dict of ChurnModel, str, dict of float)
        The candidates fitted on all training customers, the name of the chosen one, and the AUC of each on the inner
        folds.
    """
    inner = inner_scores(recipe, train)
    selection = {name: auc(train.labels, scores) for name, (scores, _) in inner.items()}
    chosen = only or choose_candidate(selection, train.labels)
    fitted = {
        name: fit_candidate(name, recipe, train, settings=settings, line=platt_line(scores, train.labels))
        for name, (scores, settings) in inner.items()
        if name == chosen or only is None
    }
    return fitted, chosen, selection


def _fit_and_score(
    name: str, recipe: Recipe, settings: Mapping[str, Any], train: Training, held: Held
) -> tuple[ChurnModel, np.ndarray, float]:
    model = fit_candidate(name, recipe, train, settings=settings)
    scores = held.scores(model)
    return model, scores, round(auc(held.labels, scores), 9)


def _raw(pipeline: Any, rows: pd.DataFrame | np.ndarray) -> np.ndarray:
    """Return the pipeline's probability or, if it has none, its decision margin mapped to 0..1."""
    if hasattr(pipeline, "predict_proba"):
        return pipeline.predict_proba(rows)[:, 1]
    return expit(pipeline.decision_function(rows))
