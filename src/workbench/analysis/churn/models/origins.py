"""Is the ranking as good at other cut-offs, and for customers outside the training? For 08_predict_churn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.churn.models.candidates import BASELINE_COLUMN
from workbench.analysis.churn.models.evaluation import auc, auc_standard_error
from workbench.analysis.churn.models.fitting import Held, Recipe, Training, fit_candidate, sampled

__all__ = ["ORIGIN_COLUMNS", "auc_apart", "judge_origins"]

ORIGIN_COLUMNS = ("role", "cut_off", "customers", "positives", "share", "auc", "auc_low", "auc_high", "recency_auc")
PARTS = 3  # parts of the households: each is tested by a model trained on the other two
NORMAL = 1.96
DIGITS = 6
Rows = tuple[pd.DataFrame, np.ndarray]  # tidy features, labels


def judge_origins(
    name: str,
    recipe: Recipe,
    train: Rows,
    origins: np.ndarray,
    later: Mapping[str, tuple[Any, Rows, np.ndarray]],
    *,
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Test the chosen candidate at every cut-off, trained on earlier cut-offs only (rolling origin).

    Parameters
    ----------
    name : str
        The chosen candidate.
    recipe : Recipe
    train : (pandas.DataFrame, numpy.ndarray)
        Tidy features and labels of all training cut-offs.
    origins : numpy.ndarray
        The cut-off of each training row.
    later : mapping of str to (cut-off, rows, scores)
        ``calibrate`` and ``test``, with the scores of the model trained on all training cut-offs.
    settings : mapping
        Settings of the candidate.

    Returns
    -------
    pandas.DataFrame
        role (train, calibrate, test), cut_off, customers, positives, share, auc, auc_low, auc_high (Hanley & McNeil
        1982; missing at the first cut-off, which has no earlier training data, or without both outcomes), recency_auc
        (of recency_days alone; missing without that column); in time order. At a training cut-off the model is trained
        on at most 50,000 rows of the earlier ones.
    """
    frame, labels = train
    rows = []
    for position, origin in enumerate(sorted(pd.unique(origins))):
        at_origin, is_earlier = origins == origin, origins < origin
        origin_rows = frame[at_origin], labels[at_origin]
        scores = None
        if position and 0 < labels[is_earlier].sum() < is_earlier.sum():
            training = _training(recipe, train, is_earlier)
            scores = Held(training, *origin_rows).scores(fit_candidate(name, recipe, training, settings=settings))
        rows.append(_row("train", origin, origin_rows, scores))
    rows += [_row(role, origin, origin_rows, scores) for role, (origin, origin_rows, scores) in later.items()]
    table = pd.DataFrame(rows, columns=list(ORIGIN_COLUMNS))
    return table.round(dict.fromkeys(("share", "auc", "auc_low", "auc_high", "recency_auc"), DIGITS))


def auc_apart(
    name: str,
    recipe: Recipe,
    train: Rows,
    test: Rows,
    keys: tuple[pd.Series, pd.Series],
    *,
    settings: Mapping[str, Any],
) -> float:
    """Return the AUC of the test for models that were trained on other households only.

    Parameters
    ----------
    name, recipe, settings
        As for ``judge_origins``.
    train, test : (pandas.DataFrame, numpy.ndarray)
        Tidy features and labels.
    keys : (pandas.Series, pandas.Series)
        Household of each training and each test row; customer_id without a household.

    Returns
    -------
    float
        Mean over three parts of the households, each tested by a model trained on the other two; NaN if a part has only
        one of the outcomes.
    """
    codes, households = pd.factorize(pd.concat(list(keys), ignore_index=True), sort=True)
    parts = (np.random.default_rng(recipe.seed).permutation(len(households)) % PARTS)[codes]
    train_parts, test_parts = parts[: len(keys[0])], parts[len(keys[0]) :]
    areas = []
    for part in range(PARTS):
        in_train, in_test = train_parts != part, test_parts == part
        if len(set(train[1][in_train])) < 2 or len(set(test[1][in_test])) < 2:  # noqa: PLR2004  both outcomes
            return np.nan
        training = _training(recipe, train, in_train)
        model = fit_candidate(name, recipe, training, settings=settings)
        areas.append(auc(test[1][in_test], Held(training, test[0][in_test], test[1][in_test]).scores(model)))
    return round(float(np.mean(areas)), DIGITS)


def _training(recipe: Recipe, train: Rows, selected: np.ndarray) -> Training:
    """Return the selected training rows, at most 50,000 of them."""
    rows = np.flatnonzero(selected)
    sample = rows[sampled(len(rows), recipe.seed)]
    return Training(train[0].iloc[sample], train[1][sample], recipe.columns)


def _row(role: str, origin: Any, rows: Rows, scores: np.ndarray | None) -> dict[str, Any]:
    frame, labels = rows
    positives = int(labels.sum())
    row = {"role": role, "cut_off": origin, "customers": len(labels), "positives": positives}
    row |= {"share": positives / len(labels) if len(labels) else np.nan}
    if BASELINE_COLUMN in frame.columns:
        row["recency_auc"] = auc(labels, frame[BASELINE_COLUMN].fillna(0).to_numpy())
    if scores is None:
        return row
    origin_auc = auc(labels, scores)
    error = auc_standard_error(origin_auc, positives, len(labels) - positives)
    return row | {
        "auc": origin_auc,
        "auc_low": origin_auc - NORMAL * error,
        "auc_high": min(1.0, origin_auc + NORMAL * error),
    }
