"""Who will leave, and how well can that be told? Fitting, calibrating, choosing and testing for 08_predict_churn.

With dated labels the models learn on one period, are calibrated and chosen on the next and tested on the latest. With
undated labels the whole procedure, choice and calibration included, is repeated inside each fold of a cross-validation.
BG/NBD's P(alive) is no candidate: it is 1 for everybody without a repeat purchase.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.churn.alarms import find_feature_alarms, find_model_alarms, is_fitted_elsewhere
from workbench.analysis.churn.bootstrap import bootstrap_measures
from workbench.analysis.churn.candidates import BASELINE, SEARCHED, inputs_of
from workbench.analysis.churn.columns import ModelColumns, choose_columns, differing, tidy
from workbench.analysis.churn.evaluation import (
    METRICS,
    auc_standard_error,
    calibration_line,
    calibration_table,
    gain_curve,
)
from workbench.analysis.churn.fitting import (
    ChurnModel,
    Recipe,
    Training,
    choose_candidate,
    fit_candidate,
    fit_nested,
    folds_of,
    pinned,
    train_calibrated,
)
from workbench.analysis.churn.reasons import permutation_importance
from workbench.core.errors import DataError, Fault

__all__ = ["ChurnResult", "fit_dated", "fit_undated"]

LEAK_AUC = 0.98
LEAST_POSITIVES = 30
FOLDS, REPEATS = 5, 2
PERIODS = ("train", "calibrate", "test")
PROCEDURE = "procedure"  # whichever candidate a fold chose
DIGITS = 6


@dataclass(frozen=True)
class ChurnResult:
    """What came out, or why nothing did.

    Attributes
    ----------
    verdict : str
        ``model`` or ``too_few_positives`` (too few of either class; ``counts`` has the numbers).
    split : str
        ``time`` or ``random``.
    counts : dict of int
        Per period (or ``all``): ``<period>.customers``, ``<period>.positives``.
    metrics : dict
        auc, average_precision, brier, log_loss, lift_at_10pct, calibration_slope and calibration_intercept, each also
        with _low and _high; baseline_auc, baseline_auc_low, baseline_auc_high, positives, customers, base_rate,
        leak_alarms, split, chosen, verdict. Without a model only positives, customers, leak_alarms, split, verdict.
    candidates : pandas.DataFrame
        candidate, selection_auc, selection_error, auc, auc_low, auc_high, average_precision, brier, log_loss,
        lift_at_10pct, chosen; the simplest first. ``auc`` and after are of the test.
    predictions : pandas.DataFrame
        customer_id, label, churn_probability of the tested customers (out of fold, mean over repeats, for ``random``).
    calibration, gain, importance : pandas.DataFrame
        As ``evaluation`` makes them, of the tested customers.
    alarms : pandas.DataFrame
        alarm, feature, auc: as in ``alarms``.
    model : ChurnModel or None
        For scoring: the chosen candidate, trained and calibrated on the latest labels by the tested procedure.
    model_version : str
        First 12 hexadecimal digits of a SHA-256 over the candidate, its columns and the calibrated test probabilities.
    """

    verdict: str
    split: str
    counts: dict[str, int]
    metrics: dict[str, Any]
    candidates: pd.DataFrame = field(default_factory=pd.DataFrame)
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    gain: pd.DataFrame = field(default_factory=pd.DataFrame)
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    alarms: pd.DataFrame = field(default_factory=pd.DataFrame)
    columns: ModelColumns | None = None
    model: ChurnModel | None = None
    model_version: str = ""


def fit_dated(
    periods: Mapping[str, pd.DataFrame],
    *,
    leak_auc: float = LEAK_AUC,
    min_positives: int = LEAST_POSITIVES,
    n_bootstraps: int = 500,
    seed: int = 0,
    horizon_days: int = 28,
) -> ChurnResult:
    """Train on the first period, calibrate and choose on the second, test on the third.

    Parameters
    ----------
    periods : mapping of str to pandas.DataFrame
        ``train``, ``calibrate``, ``test``: one row per eligible customer with customer_id, label (1 = the event) and
        the features as they stood at that period's cut-off.
    leak_auc : float
        Test AUC above which a leak alarm is raised.
    min_positives : int
        Customers of each class that each period must have.
    n_bootstraps, seed : int
    horizon_days : int
        For the purchases that BG/NBD expects.

    Returns
    -------
    ChurnResult
        ``split`` is ``time``. Chosen is the simplest candidate whose AUC on the calibration period lies within one
        standard error of the best. The model for scoring is trained on the calibration period and calibrated on the
        test period.

    Raises
    ------
    DataError
        When a period is missing, a label is neither 0 nor 1, or no column is left to learn from.
    """
    _check(periods, PERIODS)
    counts, few = _count(periods, min_positives)
    if few:
        return _too_few("time", counts, "test")
    periods = {name: periods[name].sort_values("customer_id", ignore_index=True) for name in PERIODS}
    recipe = Recipe(_columns(periods), seed, horizon_days)
    seen = {name: (tidy(frame, recipe.columns), frame["label"].to_numpy(int)) for name, frame in periods.items()}
    with pinned():
        train = Training(*seen["train"], recipe.columns)
        fits = {name: train_calibrated(name, recipe, train, seen["calibrate"]) for name in recipe.names}
        selection = {name: area for name, (_, area) in fits.items()}
        chosen = choose_candidate(selection, seen["calibrate"][1])
        labels = seen["test"][1]
        everybody = np.arange(len(labels))
        tested = {name: [(everybody, model.predict(seen["test"][0]))] for name, (model, _) in fits.items()}
        judged = fits[chosen][0]
        importance = permutation_importance(judged, seen["test"][0], labels, seed=seed)
        latest = Training(*seen["calibrate"], recipe.columns)
        final, _ = train_calibrated(chosen, recipe, latest, seen["test"], settings=judged.settings)
        alarms = find_feature_alarms(periods["train"], seen["train"][1], recipe.columns)
        elsewhere = is_fitted_elsewhere(
            judged.pipeline[0], inputs_of(chosen, recipe.columns), seen["train"][0], recipe.columns
        )
    table = _candidates(labels, tested, selection, chosen, n_bootstraps=n_bootstraps, seed=seed)
    if elsewhere:
        alarms = pd.concat([alarms, pd.DataFrame([{"alarm": "fitted_on_all", "feature": chosen, "auc": np.nan}])])
    found = _Found(periods["test"]["customer_id"], labels, tested[chosen][0][1], tested[chosen])
    asked = _Asked("time", leak_auc, n_bootstraps, seed)
    return _result(asked, counts, table, found, alarms=alarms, importance=importance, model=final)


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
    _check({"all": labelled}, ("all",))
    counts, few = _count({"all": labelled}, min_positives)
    if few:
        return _too_few("random", counts, "all")
    labelled = labelled.sort_values("customer_id", ignore_index=True)
    recipe = Recipe(_columns({"all": labelled}), seed, groups=_groups(labelled["customer_id"], households))
    frame, labels = tidy(labelled, recipe.columns), labelled["label"].to_numpy(int)
    folds: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in (*recipe.names, PROCEDURE)}
    with pinned():
        parts = [
            each for repeat in range(REPEATS) for each in folds_of(recipe, labels, folds=FOLDS, seed=seed + repeat)
        ]
        for rest, held in parts:
            train = Training(frame.iloc[rest], labels[rest], recipe.columns)
            models, chosen, _ = fit_nested(recipe.of(rest), train)
            for name, model in models.items():
                folds[name].append((held, model.predict(frame.iloc[held])))
            folds[PROCEDURE].append((held, folds[chosen][-1][1]))
        everybody = Training(frame, labels, recipe.columns)
        fitted, chosen, selection = fit_nested(recipe, everybody, only_chosen=True)
        rest, held = parts[0]
        train = Training(frame.iloc[rest], labels[rest], recipe.columns)
        model = fit_candidate(chosen, recipe, train, settings=fitted[chosen].settings)
        importance = permutation_importance(model, frame.iloc[held], labels[held], seed=seed)
    table = _candidates(labels, folds, selection, chosen, n_bootstraps=n_bootstraps, seed=seed)
    mean = np.bincount(*_stacked(folds[PROCEDURE]), minlength=len(labels)) / REPEATS
    found = _Found(labelled["customer_id"], labels, mean, folds[PROCEDURE])
    alarms = find_feature_alarms(labelled, labels, recipe.columns)
    asked = _Asked("random", leak_auc, n_bootstraps, seed)
    return _result(asked, counts, table, found, alarms=alarms, importance=importance, model=fitted[chosen])


@dataclass(frozen=True)
class _Asked:
    split: str
    leak_auc: float
    n_bootstraps: int
    seed: int


@dataclass(frozen=True)
class _Found:
    """The tested customers, what the chosen procedure says of them, and in which folds."""

    ids: pd.Series
    labels: np.ndarray
    probabilities: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]


def _groups(ids: pd.Series, households: pd.DataFrame | None) -> np.ndarray | None:
    """Return the household of each customer, those of none alone; None where nobody shares one."""
    if households is None or households.empty:
        return None
    shared = ids.map(households.drop_duplicates("customer_id").set_index("customer_id")["household_id"])
    named = shared.where(shared.notna(), "\0" + ids.astype(str))
    return None if named.is_unique else named.to_numpy()


def _check(periods: Mapping[str, pd.DataFrame], names: tuple[str, ...]) -> None:
    faults = [
        Fault("churn periods", f"period '{name}' is not there", ", ".join(names))
        for name in names
        if name not in periods
    ]
    for name, frame in periods.items():
        lacking = [column for column in ("customer_id", "label") if column not in frame.columns]
        faults += [Fault(f"churn period '{name}'", f"column '{column}' is not there") for column in lacking]
        if "label" in frame.columns and not frame["label"].isin([0, 1]).all():
            wrong = frame.loc[~frame["label"].isin([0, 1]), "label"]
            found = f"{len(wrong)} labels are neither 0 nor 1, the first is {wrong.iloc[0]}"
            faults.append(
                Fault(f"churn period '{name}'", found, "1 for the event, 0 for none", "Leave unlabelled rows out.")
            )
    if faults:
        raise DataError(faults)


def _count(periods: Mapping[str, pd.DataFrame], least: int) -> tuple[dict[str, int], bool]:
    counts, few = {}, False
    for name, frame in periods.items():
        positives = int(frame["label"].sum())
        counts |= {f"{name}.customers": len(frame), f"{name}.positives": positives}
        few |= min(positives, len(frame) - positives) < least
    return counts, few


def _too_few(split: str, counts: dict[str, int], tested: str) -> ChurnResult:
    metrics = {"positives": counts[f"{tested}.positives"], "customers": counts[f"{tested}.customers"], "leak_alarms": 0}
    return ChurnResult("too_few_positives", split, counts, {**metrics, "split": split, "verdict": "too_few_positives"})


def _columns(periods: Mapping[str, pd.DataFrame]) -> ModelColumns:
    apart = differing(periods)
    first = next(iter(periods.values()))
    columns = choose_columns(first, leave_out=apart)
    dropped = {**columns.dropped, **dict.fromkeys(sorted(apart), "not_in_all_periods")}
    if not columns.names:
        said = ", ".join(f"{name} ({reason})" for name, reason in dropped.items()) or "none"
        raise DataError(Fault("churn features", "no column is left to learn from", "at least one", f"Left out: {said}"))
    return ModelColumns(columns.numeric, columns.categorical, dropped)


def _stacked(folds: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([held for held, _ in folds]), np.concatenate([scores for _, scores in folds])


def _candidates(
    labels: np.ndarray,
    scored: Mapping[str, list[tuple[np.ndarray, np.ndarray]]],
    selection: Mapping[str, float],
    chosen: str,
    *,
    n_bootstraps: int,
    seed: int,
) -> pd.DataFrame:
    """Measure every candidate on the tested customers, as the mean over folds."""
    positives = int(labels.sum())
    rows = []
    for name, folds in scored.items():
        area = selection.get(name, np.nan)
        bounds = bootstrap_measures(labels, folds, n_bootstraps=n_bootstraps, seed=seed)
        row = {
            "candidate": name,
            "selection_auc": area,
            "selection_error": auc_standard_error(area, positives, len(labels) - positives),
        }
        for key in METRICS:
            row |= {key: _over_folds(key, labels, folds), f"{key}_low": bounds.at[key, "low"]}
            row[f"{key}_high"] = bounds.at[key, "high"]
        rows.append(row | {"searched": len(SEARCHED.get(name, ({},))), "chosen": name == chosen})
    return pd.DataFrame(rows).round(DIGITS)


def _over_folds(metric: str, labels: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.mean([METRICS[metric](labels[held], scores) for held, scores in folds]))


def _result(
    asked: _Asked,
    counts: dict[str, int],
    table: pd.DataFrame,
    found: _Found,
    *,
    alarms: pd.DataFrame,
    importance: pd.DataFrame,
    model: ChurnModel,
) -> ChurnResult:
    labels, probabilities = found.labels, found.probabilities
    told = table.set_index("candidate")
    judged = told.loc[PROCEDURE if PROCEDURE in told.index else model.name]
    too_good = find_model_alarms(judged["auc"], told.loc[BASELINE, "auc"], leak_auc=asked.leak_auc)
    alarms = pd.concat([each for each in (too_good, alarms) if len(each)] or [alarms], ignore_index=True)
    slope, intercept = np.mean([calibration_line(labels[held], scores) for held, scores in found.folds], axis=0)
    lines = bootstrap_measures(labels, found.folds, n_bootstraps=asked.n_bootstraps, seed=asked.seed).round(DIGITS)
    metrics = {
        **{f"{name}{end}": float(judged[f"{name}{end}"]) for name in METRICS for end in ("", "_low", "_high")},
        "calibration_slope": round(float(slope), DIGITS),
        "calibration_intercept": round(float(intercept), DIGITS),
        **{
            f"calibration_{name}_{end}": float(lines.at[f"calibration_{name}", end])
            for name in ("slope", "intercept")
            for end in ("low", "high")
        },
        **{f"baseline_{name}": float(told.loc[BASELINE, name]) for name in ("auc", "auc_low", "auc_high")},
        "positives": int(labels.sum()),
        "customers": len(labels),
        "base_rate": round(float(labels.mean()), DIGITS),
        "leak_alarms": len(alarms),
        "split": asked.split,
        "chosen": model.name,
        "verdict": "model",
    }
    ids = found.ids.to_numpy()
    predictions = pd.DataFrame({"customer_id": ids, "label": labels, "churn_probability": probabilities})
    return ChurnResult(
        verdict="model",
        split=asked.split,
        counts=counts,
        metrics=metrics,
        candidates=table[table["candidate"] != PROCEDURE],
        predictions=predictions.sort_values("customer_id", ignore_index=True),
        calibration=calibration_table(labels, probabilities),
        gain=gain_curve(labels, probabilities),
        importance=importance,
        alarms=alarms.reset_index(drop=True),
        columns=model.columns,
        model=model,
        model_version=_version(model, predictions["churn_probability"]),
    )


def _version(model: ChurnModel, probabilities: pd.Series) -> str:
    told = [model.name, model.columns.names, model.slope, model.intercept, probabilities.round(DIGITS).tolist()]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]
