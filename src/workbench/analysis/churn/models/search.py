"""Who will leave, and how well can it be predicted? Fitting, calibrating, choosing and testing for 08_predict_churn.

With dated labels the models are trained at several cut-offs, calibrated and chosen at the next and tested at the
latest. With undated labels the whole procedure, including choice and calibration, is repeated inside each fold of a
cross-validation. BG/NBD's P(alive) is not a candidate: it is 1 for everybody without a repeat purchase.
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
    ChurnResult,
    Settings,
    Tested,
    build_result,
    check_periods,
    common_columns,
    count_labels,
    measure_candidates,
    proven,
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
        the features at that period's cut-off. The rows of several training cut-offs are stacked, with a column
        ``cut_off``.
    leak_auc : float
        Test AUC above which a leak alarm is raised.
    min_positives : int
        Fewest customers with each outcome in each period.
    n_bootstraps, seed : int
    horizon_days : int
        Horizon of the purchases expected by BG/NBD.
    households : pandas.DataFrame, optional
        customer_id, household_id: for ``auc_apart``.

    Returns
    -------
    ChurnResult
        ``split`` is ``time``. The chosen candidate is the simplest whose AUC on the calibration period lies within
        one standard error of the best; the baseline if the candidate is no better than the baseline on the test
        period. The model for scoring is trained on the same number of latest cut-offs, including the calibration
        period, and calibrated on the test period.

    Raises
    ------
    DataError
        When a period is missing, a label is neither 0 nor 1, or there is no usable column.
    """
    check_periods(periods, PERIODS)
    counts, has_too_few = count_labels(periods, min_positives)
    if has_too_few:
        return too_few("time", counts, "test")
    periods = {name: _in_order(periods[name]) for name in PERIODS}
    newest = _newest(periods["train"])  # one row per customer
    recipe = Recipe(common_columns(periods | {"train": newest}), seed, horizon_days)
    data = {name: (tidy(frame, recipe.columns), frame["label"].to_numpy(int)) for name, frame in periods.items()}
    labels = data["test"][1]
    with pinned():
        train = Training(*data["train"], recipe.columns)
        calibrate, test = (Held(train, *data[name]) for name in PERIODS[1:])
        fits = {name: train_calibrated(name, recipe, train, calibrate) for name in recipe.names}
        selection = {name: area for name, (_, area) in fits.items()}
        chosen = choose_candidate(selection, calibrate.labels)
        all_rows = np.arange(len(labels))
        probabilities = {name: [(all_rows, model.calibrated(test.scores(model)))] for name, (model, _) in fits.items()}
        chosen = proven(chosen, probabilities, labels)
        chosen_model = fits[chosen][0]
        importance = permutation_importance(chosen_model, data["test"][0], labels, seed=seed)
        scores = {"calibrate": calibrate.scores(chosen_model), "test": test.scores(chosen_model)}
        origins = _origins(chosen_model, recipe, periods, data, scores)
        auc_of_others = _auc_apart(chosen_model, recipe, periods, data, households)
        final = _latest(chosen_model, recipe, periods, data)
        alarms = find_feature_alarms(newest, newest["label"].to_numpy(int), recipe.columns)
        alarms = pd.concat([alarms, _elsewhere(chosen_model, data["train"][0])], ignore_index=True)
    table = measure_candidates(labels, probabilities, selection, chosen, n_bootstraps=n_bootstraps, seed=seed)
    tested_result = Tested(periods["test"]["customer_id"], labels, probabilities[chosen][0][1], probabilities[chosen])
    settings = Settings("time", leak_auc, n_bootstraps, seed)
    result = build_result(settings, counts, table, tested_result, alarms=alarms, importance=importance, model=final)
    return replace(result, origins=origins, metrics=result.metrics | {"auc_apart": auc_of_others})


def fit_undated(
    labelled: pd.DataFrame,
    *,
    leak_auc: float = LEAK_AUC,
    min_positives: int = LEAST_POSITIVES,
    n_bootstraps: int = 500,
    seed: int = 0,
    households: pd.DataFrame | None = None,
) -> ChurnResult:
    """Repeat the whole procedure over 5x2 stratified folds: labels have no dates, so no later period can be held out.

    Parameters
    ----------
    labelled : pandas.DataFrame
        One row per labelled customer: customer_id, label (1 = the event) and features.
    leak_auc, min_positives, n_bootstraps, seed
        As for ``fit_dated``.
    households : pandas.DataFrame, optional
        customer_id, household_id: folds keep households together.

    Returns
    -------
    ChurnResult
        ``split`` is ``random``; metrics are means over the ten folds. In each fold candidates are compared and
        calibrated on three inner folds, and the chosen one is fitted on the rest of the data. If it is no better
        than the baseline, the baseline is used. The model for scoring comes from the same procedure on all customers.
        Its quality in a later period is unknown.

    Raises
    ------
    DataError
        When a label is neither 0 nor 1, or there is no usable column.
    """
    check_periods({"all": labelled}, ("all",))
    counts, has_too_few = count_labels({"all": labelled}, min_positives)
    if has_too_few:
        return too_few("random", counts, "all")
    labelled = labelled.sort_values("customer_id", ignore_index=True)
    recipe = Recipe(common_columns({"all": labelled}), seed, groups=_groups(labelled["customer_id"], households))
    frame, labels = tidy(labelled, recipe.columns), labelled["label"].to_numpy(int)
    folds: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in (*recipe.names, PROCEDURE)}
    with pinned():
        splits = [
            fold for repeat in range(REPEATS) for fold in folds_of(recipe, labels, folds=FOLDS, seed=seed + repeat)
        ]
        for train_rows, test_rows in splits:
            train = Training(frame.iloc[train_rows], labels[train_rows], recipe.columns)
            test = Held(train, frame.iloc[test_rows], labels[test_rows])
            models, chosen, _ = fit_nested(recipe.of(train_rows), train)
            for name, model in models.items():
                folds[name].append((test_rows, model.calibrated(test.scores(model))))
            folds[PROCEDURE].append((test_rows, folds[chosen][-1][1]))
        used = proven(PROCEDURE, folds, labels)
        folds[PROCEDURE] = folds[used]
        all_customers = Training(frame, labels, recipe.columns)
        fitted, chosen, selection = fit_nested(recipe, all_customers, only="" if used == PROCEDURE else used)
        train_rows, test_rows = splits[0]
        train = Training(frame.iloc[train_rows], labels[train_rows], recipe.columns)
        model = fit_candidate(chosen, recipe, train, settings=fitted[chosen].settings)
        importance = permutation_importance(model, frame.iloc[test_rows], labels[test_rows], seed=seed)
        alarms = find_feature_alarms(labelled, labels, recipe.columns)
        alarms = pd.concat([alarms, _elsewhere(model, frame.iloc[train_rows])], ignore_index=True)
    table = measure_candidates(labels, folds, selection, chosen, n_bootstraps=n_bootstraps, seed=seed)
    mean = np.bincount(*stacked(folds[PROCEDURE]), minlength=len(labels)) / REPEATS
    tested = Tested(labelled["customer_id"], labels, mean, folds[PROCEDURE])
    settings = Settings("random", leak_auc, n_bootstraps, seed)
    return build_result(settings, counts, table, tested, alarms=alarms, importance=importance, model=fitted[chosen])


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    by = ["customer_id", *(["cut_off"] if "cut_off" in frame.columns else [])]
    return frame.sort_values(by, ignore_index=True)


def _origin(frame: pd.DataFrame) -> np.ndarray:
    """Return the cut-off of each row; the same for all without that column."""
    return frame["cut_off"].to_numpy() if "cut_off" in frame.columns else np.zeros(len(frame), int)


def _newest(train: pd.DataFrame) -> pd.DataFrame:
    origins = _origin(train)
    return train[origins == origins.max()].reset_index(drop=True)


def _origins(
    model: ChurnModel,
    recipe: Recipe,
    periods: Mapping[str, pd.DataFrame],
    data: Mapping[str, Rows],
    scores_of: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    later = {name: (_origin(periods[name])[0], data[name], scores) for name, scores in scores_of.items()}
    origins = _origin(periods["train"])
    return judge_origins(model.name, recipe, data["train"], origins, later, settings=model.settings)


def _auc_apart(
    model: ChurnModel,
    recipe: Recipe,
    periods: Mapping[str, pd.DataFrame],
    data: Mapping[str, Rows],
    households: pd.DataFrame | None,
) -> float:
    keys = tuple(_household_of(periods[name]["customer_id"], households) for name in ("train", "test"))
    return auc_apart(model.name, recipe, data["train"], data["test"], keys, settings=model.settings)


def _latest(
    model: ChurnModel, recipe: Recipe, periods: Mapping[str, pd.DataFrame], data: Mapping[str, Rows]
) -> ChurnModel:
    """Fit the chosen candidate on the latest labels, without the earliest training cut-off, calibrated on the test."""
    origins = _origin(periods["train"])
    is_later = origins > origins.min()
    frame = pd.concat([data["train"][0][is_later], data["calibrate"][0]], ignore_index=True)
    train = Training(frame, np.concatenate([data["train"][1][is_later], data["calibrate"][1]]), recipe.columns)
    held_out = Held(train, *data["test"])
    return train_calibrated(model.name, recipe, train, held_out, settings=model.settings)[0]


def _elsewhere(model: ChurnModel, train: pd.DataFrame) -> pd.DataFrame:
    """Return an alarm if the model's inputs were fitted on customers outside its training."""
    is_elsewhere = is_fitted_elsewhere(model.pipeline[0], inputs_of(model.name, model.columns), train, model.columns)
    return pd.DataFrame([{"alarm": "fitted_on_all", "feature": model.name, "auc": np.nan}] * is_elsewhere)


def _household_of(ids: pd.Series, households: pd.DataFrame | None) -> pd.Series:
    """Return the household of each customer; a customer without a household is a household of one."""
    single_household = "\0" + ids.astype(str)
    if households is None or households.empty:
        return single_household
    shared = ids.map(households.drop_duplicates("customer_id").set_index("customer_id")["household_id"])
    return shared.where(shared.notna(), single_household)


def _groups(ids: pd.Series, households: pd.DataFrame | None) -> np.ndarray | None:
    """Return the household of each customer; None where no two customers share one."""
    household = _household_of(ids, households)
    return None if household.is_unique else household.to_numpy()
