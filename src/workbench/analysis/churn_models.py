"""Who will leave, and how well can that be told? Fitting, calibrating, choosing and testing for 08_predict_churn.

With dated labels the models learn on one period, are calibrated and chosen on the next and tested on the latest. With
undated labels the whole procedure, choice and calibration included, is repeated inside each fold of a cross-validation.
BG/NBD's P(alive) is no candidate: it is 1 for everybody without a repeat purchase.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.churn_candidates import (
    BASELINE,
    CANDIDATES,
    ModelColumns,
    choose_columns,
    differing,
    find_leaks,
    tidy,
)
from workbench.analysis.churn_fitting import (
    RAW,
    ChurnModel,
    choose_candidate,
    fit_candidate,
    fit_nested,
    inner_scores,
    platt_line,
    train_calibrated,
)
from workbench.analysis.evaluation import (
    METRICS,
    auc,
    auc_of_draws,
    auc_standard_error,
    calibration_line,
    calibration_table,
    gain_curve,
    interval,
    permutation_importance,
)
from workbench.core.errors import DataError, Fault

__all__ = ["ChurnResult", "fit_dated", "fit_undated"]

LEAK_AUC = 0.98
LEAST_POSITIVES = 30
FOLDS, REPEATS = 5, 2
PERIODS = ("train", "calibrate", "test")
PROCEDURE = "procedure"  # whichever candidate a fold chose
TOP = 10  # features whose importance is shown
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
        auc, auc_low, auc_high, average_precision, brier, log_loss, lift_at_10pct, calibration_slope,
        calibration_intercept, baseline_auc, baseline_auc_low, baseline_auc_high, positives, customers, base_rate,
        leak_alarms, split, chosen, verdict. Without a model only positives, customers, leak_alarms, split, verdict.
    candidates : pandas.DataFrame
        candidate, selection_auc, selection_error, auc, auc_low, auc_high, average_precision, brier, log_loss,
        lift_at_10pct, chosen; the simplest first. ``auc`` and after are of the test.
    predictions : pandas.DataFrame
        customer_id, label, churn_probability of the tested customers (out of fold, mean over repeats, for ``random``).
    calibration, gain, importance : pandas.DataFrame
        As ``evaluation`` makes them, of the tested customers.
    alarms : pandas.DataFrame
        alarm (model_auc, feature_auc), feature, auc.
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
    columns = _columns(periods)
    seen = {name: (tidy(frame, columns), frame["label"].to_numpy(int)) for name, frame in periods.items()}
    fits = {name: train_calibrated(name, columns, seen["train"], seen["calibrate"], seed) for name in CANDIDATES}
    selection = {name: model_auc for name, (_, model_auc) in fits.items()}
    chosen = choose_candidate(selection, seen["calibrate"][1])
    frame, labels = periods["test"], seen["test"][1]
    tested = {name: model.predict(frame) for name, (model, _) in fits.items()}
    scored = {name: [(np.arange(len(labels)), each)] for name, each in tested.items()}
    table = _candidates(labels, scored, selection, chosen, n_bootstraps=n_bootstraps, seed=seed)
    importance = _importance(fits[chosen][0], seen["test"][0], labels, seed)
    final, _ = train_calibrated(chosen, columns, seen["calibrate"], seen["test"], seed)
    leaks = find_leaks(*seen["train"], columns)
    found = (frame["customer_id"], labels, tested[chosen])
    return _result("time", counts, table, found, leaks=leaks, leak_auc=leak_auc, importance=importance, model=final)


def fit_undated(
    labelled: pd.DataFrame,
    *,
    leak_auc: float = LEAK_AUC,
    min_positives: int = LEAST_POSITIVES,
    n_bootstraps: int = 500,
    seed: int = 0,
) -> ChurnResult:
    """Repeat the whole procedure over 5x2 stratified folds: labels carry no dates, so no later period can be kept back.

    Parameters
    ----------
    labelled : pandas.DataFrame
        One row per labelled customer: customer_id, label (1 = the event) and features.
    leak_auc, min_positives, n_bootstraps, seed
        As for ``fit_dated``.

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
    columns = _columns({"all": labelled})
    frame, labels = tidy(labelled, columns), labelled["label"].to_numpy(int)
    folds: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in (*CANDIDATES, PROCEDURE)}
    for rest, held in _folds(labels, seed):
        models, chosen = fit_nested(columns, frame.iloc[rest], labels[rest], seed)
        for name, model in models.items():
            folds[name].append((held, model.predict(frame.iloc[held])))
        folds[PROCEDURE].append((held, folds[chosen][-1][1]))
    inner = {name: inner_scores(name, columns, (frame, labels), seed) for name in CANDIDATES}
    selection = {name: auc(labels, scores) for name, scores in inner.items()}
    chosen = choose_candidate(selection, labels)
    final = fit_candidate(chosen, columns, (frame, labels), seed=seed, line=platt_line(inner[chosen], labels))
    table = _candidates(labels, folds, selection, chosen, n_bootstraps=n_bootstraps, seed=seed)
    rest, held = next(iter(_folds(labels, seed)))
    model = fit_candidate(chosen, columns, (frame.iloc[rest], labels[rest]), seed=seed, line=RAW)
    importance = _importance(model, frame.iloc[held], labels[held], seed)
    mean = np.bincount(*_stacked(folds[PROCEDURE]), minlength=len(labels)) / REPEATS
    found = (labelled["customer_id"], labels, mean)
    leaks = find_leaks(frame, labels, columns)
    return _result("random", counts, table, found, leaks=leaks, leak_auc=leak_auc, importance=importance, model=final)


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


def _folds(labels: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import RepeatedStratifiedKFold  # noqa: PLC0415

    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=seed)
    return folds.split(np.zeros(len(labels)), labels)


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
        tested = {key: _over_folds(key, labels, folds) for key in METRICS}
        areas = [(held, auc_of_draws(labels[held], scores)) for held, scores in folds]
        low, high = interval(
            lambda drawn, areas=areas: float(np.mean([area(drawn[held]) for held, area in areas])),
            len(labels),
            n_bootstraps=n_bootstraps,
            seed=seed,
        )
        rows.append(
            {
                "candidate": name,
                "selection_auc": area,
                "selection_error": auc_standard_error(area, positives, len(labels) - positives),
                "auc": tested.pop("auc"),
                "auc_low": low,
                "auc_high": high,
                **tested,
                "chosen": name == chosen,
            }
        )
    return pd.DataFrame(rows).round(DIGITS)


def _over_folds(metric: str, labels: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.mean([METRICS[metric](labels[held], scores) for held, scores in folds]))


def _importance(model: ChurnModel, frame: pd.DataFrame, labels: np.ndarray, seed: int) -> pd.DataFrame:
    return permutation_importance(model.predict, frame, labels, seed=seed).head(TOP)


def _result(
    split: str,
    counts: dict[str, int],
    table: pd.DataFrame,
    found: tuple[pd.Series, np.ndarray, np.ndarray],
    *,
    leaks: pd.DataFrame,
    leak_auc: float,
    importance: pd.DataFrame,
    model: ChurnModel,
) -> ChurnResult:
    ids, labels, probabilities = found
    told = table.set_index("candidate")
    judged = told.loc[PROCEDURE if PROCEDURE in told.index else model.name]
    alarms = leaks.assign(alarm="feature_auc")[["alarm", "feature", "auc"]]
    if judged["auc"] > leak_auc:
        alarms = pd.concat([pd.DataFrame([{"alarm": "model_auc", "feature": "", "auc": judged["auc"]}]), alarms])
    slope, intercept = calibration_line(labels, probabilities)
    measured = ("auc", "auc_low", "auc_high", *(name for name in METRICS if name != "auc"))
    metrics = {
        **{name: float(judged[name]) for name in measured},
        "calibration_slope": round(slope, DIGITS),
        "calibration_intercept": round(intercept, DIGITS),
        **{f"baseline_{name}": float(told.loc[BASELINE, name]) for name in ("auc", "auc_low", "auc_high")},
        "positives": int(labels.sum()),
        "customers": len(labels),
        "base_rate": round(float(labels.mean()), DIGITS),
        "leak_alarms": len(alarms),
        "split": split,
        "chosen": model.name,
        "verdict": "model",
    }
    predictions = pd.DataFrame({"customer_id": ids.to_numpy(), "label": labels, "churn_probability": probabilities})
    return ChurnResult(
        verdict="model",
        split=split,
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
