"""Who will leave, and how well can that be told? Fitting, calibrating, choosing and testing for 08_predict_churn.

With dated labels the models learn at several cut-offs, are calibrated and chosen at the next and tested at the latest.
With undated labels the whole procedure, choice and calibration included, is repeated inside each fold of a
cross-validation. BG/NBD's P(alive) is no candidate: it is 1 for everybody without a repeat purchase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from workbench.analysis.churn.models.alarms import find_feature_alarms, is_fitted_elsewhere
from workbench.analysis.churn.models.candidates import inputs_of
from workbench.analysis.churn.models.fitting import (
    ChurnModel,
    Held,
    Recipe,
    Training,
    choose_candidate,
    fit_candidate,
    fit_nested,
    folds_of,
    pinned,
    train_calibrated,
)
from workbench.analysis.churn.models.origins import auc_apart, judge_origins
from workbench.analysis.churn.models.reasons import permutation_importance
from workbench.analysis.churn.models.results import (
    PROCEDURE,
    Asked,
    ChurnResult,
    Found,
    build_result,
    check_periods,
    common_columns,
    count_labels,
    measure_candidates,
    stacked,
    too_few,
)
from workbench.analysis.model_columns import tidy

__all__ = ["fit_dated", "fit_undated"]

LEAK_AUC = 0.98
LEAST_POSITIVES = 30
FOLDS, REPEATS = 5, 2
PERIODS = ("train", "calibrate", "test")
Rows = tuple[pd.DataFrame, np.ndarray]  # tidy features, labels


def fit_dated(
    periods: Mapping[str, pd.DataFrame],
    *,
    leak_auc: float = LEAK_AUC,
    min_positives: int = LEAST_POSITIVES,
    n_bootstraps: int = 500,
    seed: int = 0,
    horizon_days: int = 28,
    households: pd.DataFrame | None = None,
) -> ChurnResult:
    """Train on the first period, calibrate and choose on the second, test on the third.

    Parameters
    ----------
    periods : mapping of str to pandas.DataFrame
        ``train``, ``calibrate``, ``test``: one row per eligible customer with customer_id, label (1 = the event) and
        the features as they stood at that period's cut-off. Several training cut-offs stand below each other, told
        apart by ``cut_off``.
    leak_auc : float
        Test AUC above which a leak alarm is raised.
    min_positives : int
        Customers of each class that each period must have.
    n_bootstraps, seed : int
    horizon_days : int
        For the purchases that BG/NBD expects.
    households : pandas.DataFrame, optional
        customer_id, household_id: for ``auc_apart``.

    Returns
    -------
    ChurnResult
        ``split`` is ``time``. Chosen is the simplest candidate whose AUC on the calibration period lies within one
        standard error of the best. The model for scoring learns from as many of the latest cut-offs, the calibration
        period among them, and is calibrated on the test period.

    Raises
    ------
    DataError
        When a period is missing, a label is neither 0 nor 1, or no column is left to learn from.
    """
    check_periods(periods, PERIODS)
    counts, few = count_labels(periods, min_positives)
    if few:
        return too_few("time", counts, "test")
    periods = {name: _in_order(periods[name]) for name in PERIODS}
    newest = _newest(periods["train"])  # one row per customer
    recipe = Recipe(common_columns(periods | {"train": newest}), seed, horizon_days)
    seen = {name: (tidy(frame, recipe.columns), frame["label"].to_numpy(int)) for name, frame in periods.items()}
    labels = seen["test"][1]
    with pinned():
        train = Training(*seen["train"], recipe.columns)
        calibrate, test = (Held(train, *seen[name]) for name in PERIODS[1:])
        fits = {name: train_calibrated(name, recipe, train, calibrate) for name in recipe.names}
        selection = {name: area for name, (_, area) in fits.items()}
        chosen = choose_candidate(selection, calibrate.labels)
        everybody = np.arange(len(labels))
        tested = {name: [(everybody, model.calibrated(test.scores(model)))] for name, (model, _) in fits.items()}
        judged = fits[chosen][0]
        importance = permutation_importance(judged, seen["test"][0], labels, seed=seed)
        said = {"calibrate": calibrate.scores(judged), "test": test.scores(judged)}
        origins = _origins(judged, recipe, periods, seen, said)
        apart = _apart(judged, recipe, periods, seen, households)
        final = _latest(judged, recipe, periods, seen)
        alarms = find_feature_alarms(newest, newest["label"].to_numpy(int), recipe.columns)
        alarms = pd.concat([alarms, _elsewhere(judged, seen["train"][0])], ignore_index=True)
    table = measure_candidates(labels, tested, selection, chosen, n_bootstraps=n_bootstraps, seed=seed)
    found = Found(periods["test"]["customer_id"], labels, tested[chosen][0][1], tested[chosen])
    asked = Asked("time", leak_auc, n_bootstraps, seed)
    result = build_result(asked, counts, table, found, alarms=alarms, importance=importance, model=final)
    return replace(result, origins=origins, metrics=result.metrics | {"auc_apart": apart})


def fit_undated(
    labelled: pd.DataFrame,
    *,
    leak_auc: float = LEAK_AUC,
    min_positives: int = LEAST_POSITIVES,
    n_bootstraps: int = 500,
    seed: int = 0,
    households: pd.DataFrame | None = None,
) -> ChurnResult:
    """Repeat the whole procedure over 5x2 stratified folds: labels carry no dates, so no later period can be kept back.

    Parameters
    ----------
    labelled : pandas.DataFrame
        One row per labelled customer: customer_id, label (1 = the event) and features.
    leak_auc, min_positives, n_bootstraps, seed
        As for ``fit_dated``.
    households : pandas.DataFrame, optional
        customer_id, household_id: no fold parts a household.

    Returns
    -------
    ChurnResult
        ``split`` is ``random``; metrics are means over the ten folds. In each fold candidates are compared and
        calibrated on three inner folds, and the chosen one is fitted on the rest of the data. The model for scoring
        comes from the same procedure on all customers. Whether it holds in a later period is not known.

    Raises
    ------
    DataError
        When a label is neither 0 nor 1, or no column is left to learn from.
    """
    check_periods({"all": labelled}, ("all",))
    counts, few = count_labels({"all": labelled}, min_positives)
    if few:
        return too_few("random", counts, "all")
    labelled = labelled.sort_values("customer_id", ignore_index=True)
    recipe = Recipe(common_columns({"all": labelled}), seed, groups=_groups(labelled["customer_id"], households))
    frame, labels = tidy(labelled, recipe.columns), labelled["label"].to_numpy(int)
    folds: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in (*recipe.names, PROCEDURE)}
    with pinned():
        parts = [
            each for repeat in range(REPEATS) for each in folds_of(recipe, labels, folds=FOLDS, seed=seed + repeat)
        ]
        for rest, held in parts:
            train = Training(frame.iloc[rest], labels[rest], recipe.columns)
            outside = Held(train, frame.iloc[held], labels[held])
            models, chosen, _ = fit_nested(recipe.of(rest), train)
            for name, model in models.items():
                folds[name].append((held, model.calibrated(outside.scores(model))))
            folds[PROCEDURE].append((held, folds[chosen][-1][1]))
        everybody = Training(frame, labels, recipe.columns)
        fitted, chosen, selection = fit_nested(recipe, everybody, only_chosen=True)
        rest, held = parts[0]
        train = Training(frame.iloc[rest], labels[rest], recipe.columns)
        model = fit_candidate(chosen, recipe, train, settings=fitted[chosen].settings)
        importance = permutation_importance(model, frame.iloc[held], labels[held], seed=seed)
        alarms = find_feature_alarms(labelled, labels, recipe.columns)
        alarms = pd.concat([alarms, _elsewhere(model, frame.iloc[rest])], ignore_index=True)
    table = measure_candidates(labels, folds, selection, chosen, n_bootstraps=n_bootstraps, seed=seed)
    mean = np.bincount(*stacked(folds[PROCEDURE]), minlength=len(labels)) / REPEATS
    found = Found(labelled["customer_id"], labels, mean, folds[PROCEDURE])
    asked = Asked("random", leak_auc, n_bootstraps, seed)
    return build_result(asked, counts, table, found, alarms=alarms, importance=importance, model=fitted[chosen])


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    by = ["customer_id", *(["cut_off"] if "cut_off" in frame.columns else [])]
    return frame.sort_values(by, ignore_index=True)


def _origin(frame: pd.DataFrame) -> np.ndarray:
    """Return the cut-off of each row; one for all where none is told."""
    return frame["cut_off"].to_numpy() if "cut_off" in frame.columns else np.zeros(len(frame), int)


def _newest(train: pd.DataFrame) -> pd.DataFrame:
    origins = _origin(train)
    return train[origins == origins.max()].reset_index(drop=True)


def _origins(
    judged: ChurnModel,
    recipe: Recipe,
    periods: Mapping[str, pd.DataFrame],
    seen: Mapping[str, Rows],
    said: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    later = {name: (_origin(periods[name])[0], seen[name], scores) for name, scores in said.items()}
    origins = _origin(periods["train"])
    return judge_origins(judged.name, recipe, seen["train"], origins, later, settings=judged.settings)


def _apart(
    judged: ChurnModel,
    recipe: Recipe,
    periods: Mapping[str, pd.DataFrame],
    seen: Mapping[str, Rows],
    households: pd.DataFrame | None,
) -> float:
    keys = tuple(_shared(periods[name]["customer_id"], households) for name in ("train", "test"))
    return auc_apart(judged.name, recipe, seen["train"], seen["test"], keys, settings=judged.settings)


def _latest(
    judged: ChurnModel, recipe: Recipe, periods: Mapping[str, pd.DataFrame], seen: Mapping[str, Rows]
) -> ChurnModel:
    """Fit the chosen candidate on the latest labels: all but the earliest training cut-off, calibrated on the test."""
    origins = _origin(periods["train"])
    kept = origins > origins.min()
    frame = pd.concat([seen["train"][0][kept], seen["calibrate"][0]], ignore_index=True)
    train = Training(frame, np.concatenate([seen["train"][1][kept], seen["calibrate"][1]]), recipe.columns)
    held = Held(train, *seen["test"])
    return train_calibrated(judged.name, recipe, train, held, settings=judged.settings)[0]


def _elsewhere(model: ChurnModel, train: pd.DataFrame) -> pd.DataFrame:
    """Return the alarm that the model's inputs were fitted on more than its training customers, if they were."""
    found = is_fitted_elsewhere(model.pipeline[0], inputs_of(model.name, model.columns), train, model.columns)
    return pd.DataFrame([{"alarm": "fitted_on_all", "feature": model.name, "auc": np.nan}] * found)


def _shared(ids: pd.Series, households: pd.DataFrame | None) -> pd.Series:
    """Return the household of each customer, of those of none themselves."""
    alone = "\0" + ids.astype(str)
    if households is None or households.empty:
        return alone
    shared = ids.map(households.drop_duplicates("customer_id").set_index("customer_id")["household_id"])
    return shared.where(shared.notna(), alone)


def _groups(ids: pd.Series, households: pd.DataFrame | None) -> np.ndarray | None:
    """Return the household of each customer; None where nobody shares one."""
    named = _shared(ids, households)
    return None if named.is_unique else named.to_numpy()
