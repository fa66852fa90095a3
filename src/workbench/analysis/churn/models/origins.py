"""Does the ranking hold from one cut-off to the next, and for customers it never learned from? For 08_predict_churn."""

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
PARTS = 3  # parts of the households: each is tested by a model that learned from the other two
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
    """Test the chosen candidate at every cut-off on what it could have learned before (rolling origin).

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
        ``calibrate`` and ``test`` with what the model that learned from all training cut-offs says of them.
    settings : mapping
        Of the candidate.

    Returns
    -------
    pandas.DataFrame
        role (train, calibrate, test), cut_off, customers, positives, share, auc, auc_low, auc_high (Hanley & McNeil
        1982; missing at the first cut-off, before which nothing was learned, or without both outcomes), recency_auc
        (of recency_days alone; missing where it is no column); in time order. At a training cut-off the model has
        learned from the earlier ones, from at most 50,000 rows of them.
    """
    frame, labels = train
    rows = []
    for at, origin in enumerate(sorted(pd.unique(origins))):
        mine, before = origins == origin, origins < origin
        part = frame[mine], labels[mine]
        scores = None
        if at and 0 < labels[before].sum() < before.sum():
            learned = _learned(recipe, train, before)
            scores = Held(learned, *part).scores(fit_candidate(name, recipe, learned, settings=settings))
        rows.append(_row("train", origin, part, scores))
    rows += [_row(role, origin, part, scores) for role, (origin, part, scores) in later.items()]
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
    """Return the AUC of the test where nobody tested, nor anyone of the household, was learned from.

    Parameters
    ----------
    name, recipe, settings
        As for ``judge_origins``.
    train, test : (pandas.DataFrame, numpy.ndarray)
        Tidy features and labels.
    keys : (pandas.Series, pandas.Series)
        The household (a customer of none: the customer) of each training and of each test row.

    Returns
    -------
    float
        Mean over three parts of the households, each tested by a model that learned from the other two; NaN where a
        part lacks an outcome.
    """
    codes, everybody = pd.factorize(pd.concat(list(keys), ignore_index=True), sort=True)
    parts = (np.random.default_rng(recipe.seed).permutation(len(everybody)) % PARTS)[codes]
    inside, outside = parts[: len(keys[0])], parts[len(keys[0]) :]
    areas = []
    for part in range(PARTS):
        rest, held = inside != part, outside == part
        if len(set(train[1][rest])) < 2 or len(set(test[1][held])) < 2:  # noqa: PLR2004  both outcomes
            return np.nan
        learned = _learned(recipe, train, rest)
        model = fit_candidate(name, recipe, learned, settings=settings)
        areas.append(auc(test[1][held], Held(learned, test[0][held], test[1][held]).scores(model)))
    return round(float(np.mean(areas)), DIGITS)


def _learned(recipe: Recipe, train: Rows, asked: np.ndarray) -> Training:
    """Return the training rows asked for, at most 50,000 of them."""
    rows = np.flatnonzero(asked)
    kept = rows[sampled(len(rows), recipe.seed)]
    return Training(train[0].iloc[kept], train[1][kept], recipe.columns)


def _row(role: str, origin: Any, part: Rows, scores: np.ndarray | None) -> dict[str, Any]:
    frame, labels = part
    positives = int(labels.sum())
    row = {"role": role, "cut_off": origin, "customers": len(labels), "positives": positives}
    row |= {"share": positives / len(labels) if len(labels) else np.nan}
    if BASELINE_COLUMN in frame.columns:
        row["recency_auc"] = auc(labels, frame[BASELINE_COLUMN].fillna(0).to_numpy())
    if scores is None:
        return row
    area = auc(labels, scores)
    error = auc_standard_error(area, positives, len(labels) - positives)
    return row | {"auc": area, "auc_low": area - NORMAL * error, "auc_high": min(1.0, area + NORMAL * error)}
