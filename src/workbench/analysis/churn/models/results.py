"""The result of a churn study, with or without a model: how it is built and measured. For 08_predict_churn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.churn.models.alarms import find_model_alarms
from workbench.analysis.churn.models.bootstrap import bootstrap_measures
from workbench.analysis.churn.models.candidates import BASELINE, SEARCHED
from workbench.analysis.churn.models.evaluation import (
    METRICS,
    auc_standard_error,
    calibration_line,
    calibration_table,
    gain_curve,
)
from workbench.analysis.model_columns import ModelColumns, choose_columns, differing
from workbench.core.errors import DataError, Fault

if TYPE_CHECKING:
    from workbench.analysis.churn.models.fitting import ChurnModel

__all__ = [
    "PROCEDURE",
    "ChurnResult",
    "Settings",
    "Tested",
    "build_result",
    "check_periods",
    "common_columns",
    "count_labels",
    "measure_candidates",
    "proven",
    "stacked",
    "too_few",
]

PROCEDURE = "procedure"  # stands for the candidate chosen in each fold
DIGITS = 6
_LINES = [f"calibration_{name}_{end}" for name in ("slope", "intercept") for end in ("low", "high")]


@dataclass(frozen=True)
class ChurnResult:
    """The result of the models, or the reason why there is no model.

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
        leak_alarms, split, chosen, verdict; with a split by time also auc_apart. Without a model only positives,
        customers, leak_alarms, split, verdict.
    candidates : pandas.DataFrame
        candidate, selection_auc, selection_error, auc, auc_low, auc_high, average_precision, brier, log_loss,
        lift_at_10pct, chosen; the simplest first. ``auc`` and later columns are measured on the test.
    predictions : pandas.DataFrame
        customer_id, label, churn_probability of the tested customers (out of fold, mean over repeats, for ``random``).
    calibration, gain, importance : pandas.DataFrame
        From ``evaluation``, of the tested customers.
    alarms : pandas.DataFrame
        alarm, feature, auc: as in ``alarms``. ``answered`` has the alarms that the profile allows.
    origins : pandas.DataFrame
        From ``origins.judge_origins``; empty for ``random``.
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
    answered: pd.DataFrame = field(default_factory=pd.DataFrame)
    origins: pd.DataFrame = field(default_factory=pd.DataFrame)
    columns: ModelColumns | None = None
    model: ChurnModel | None = None
    model_version: str = ""


@dataclass(frozen=True)
class Settings:
    """Settings of the study: the kind of split, the alarm's AUC, resamples and seed."""

    split: str
    leak_auc: float
    n_bootstraps: int
    seed: int


@dataclass(frozen=True)
class Tested:
    """The tested customers, their predicted probabilities and the folds."""

    ids: pd.Series
    labels: np.ndarray
    probabilities: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]


def check_periods(periods: Mapping[str, pd.DataFrame], names: tuple[str, ...]) -> None:
    """Check that all periods exist and their labels are 0 and 1; all faults are reported together."""
    faults = [
        Fault("churn periods", f"period '{name}' is missing", ", ".join(names)) for name in names if name not in periods
    ]
    for name, frame in periods.items():
        missing = [column for column in ("customer_id", "label") if column not in frame.columns]
        faults += [Fault(f"churn period '{name}'", f"column '{column}' is missing") for column in missing]
        if "label" in frame.columns and not frame["label"].isin([0, 1]).all():
            invalid = frame.loc[~frame["label"].isin([0, 1]), "label"]
            problem = f"{len(invalid)} labels are neither 0 nor 1, the first is {invalid.iloc[0]}"
            faults.append(
                Fault(f"churn period '{name}'", problem, "1 for the event, 0 for none", "Leave unlabelled rows out.")
            )
    if faults:
        raise DataError(faults)


def count_labels(periods: Mapping[str, pd.DataFrame], least: int) -> tuple[dict[str, int], bool]:
    """Count rows and events of each period; True where either outcome has fewer than ``least`` customers."""
    counts: dict[str, int] = {}
    too_few = False
    for name, frame in periods.items():
        positives = int(frame["label"].sum())
        counts |= {f"{name}.customers": len(frame), f"{name}.positives": positives}
        too_few |= min(positives, len(frame) - positives) < least
    return counts, too_few


def too_few(split: str, counts: dict[str, int], tested: str) -> ChurnResult:
    """Return the result for too few events or non-events."""
    metrics = {"positives": counts[f"{tested}.positives"], "customers": counts[f"{tested}.customers"], "leak_alarms": 0}
    return ChurnResult("too_few_positives", split, counts, {**metrics, "split": split, "verdict": "too_few_positives"})


def common_columns(periods: Mapping[str, pd.DataFrame]) -> ModelColumns:
    """Choose the columns that exist in every period and are usable in the first."""
    not_shared = differing(periods)
    first = next(iter(periods.values()))
    columns = choose_columns(first, leave_out=not_shared)
    dropped = {**columns.dropped, **dict.fromkeys(sorted(not_shared), "not_in_all_periods")}
    if not columns.names:
        reasons = ", ".join(f"{name} ({reason})" for name, reason in dropped.items()) or "none"
        raise DataError(Fault("churn features", "no usable column", "at least one", f"Left out: {reasons}"))
    return ModelColumns(columns.numeric, columns.categorical, dropped)


def stacked(folds: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the held-out rows of all folds, and their probabilities."""
    return np.concatenate([held for held, _ in folds]), np.concatenate([scores for _, scores in folds])


def measure_candidates(
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
        selection_auc = selection.get(name, np.nan)
        is_chosen = name == (PROCEDURE if PROCEDURE in scored else chosen)
        bounds = bootstrap_measures(labels, folds, n_bootstraps=n_bootstraps, seed=seed, lines=is_chosen)
        row = {
            "candidate": name,
            "selection_auc": selection_auc,
            "selection_error": auc_standard_error(selection_auc, positives, len(labels) - positives),
        }
        for key in METRICS:
            row |= {key: _over_folds(key, labels, folds), f"{key}_low": bounds.at[key, "low"]}
            row[f"{key}_high"] = bounds.at[key, "high"]
        row |= {name: bounds.at[name.rpartition("_")[0], name.rpartition("_")[2]] for name in _LINES}
        rows.append(row | {"searched": len(SEARCHED.get(name, ({},))), "chosen": name == chosen})
    return pd.DataFrame(rows).round(DIGITS)


def proven(chosen: str, scored: Mapping[str, list[tuple[np.ndarray, np.ndarray]]], labels: np.ndarray) -> str:
    """Return the chosen candidate, or the baseline if the chosen one has no higher AUC in the test.

    This choice uses the test, so that the reported AUC is slightly optimistic; it can only make the model simpler.
    """
    return (
        chosen
        if _over_folds("auc", labels, scored[chosen]) > _over_folds("auc", labels, scored[BASELINE])
        else BASELINE
    )


def _over_folds(metric: str, labels: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.mean([METRICS[metric](labels[held], scores) for held, scores in folds]))


def build_result(
    settings: Settings,
    counts: dict[str, int],
    table: pd.DataFrame,
    tested: Tested,
    *,
    alarms: pd.DataFrame,
    importance: pd.DataFrame,
    model: ChurnModel,
) -> ChurnResult:
    """Build the result with the metrics of the chosen procedure."""
    labels, probabilities = tested.labels, tested.probabilities
    measures = table.set_index("candidate")
    chosen = measures.loc[PROCEDURE if PROCEDURE in measures.index else model.name]
    yardstick = measures.loc[BASELINE, "auc"] if settings.split == "time" else None
    too_good = find_model_alarms(chosen["auc"], yardstick, leak_auc=settings.leak_auc)
    alarms = pd.concat([table for table in (too_good, alarms) if len(table)] or [alarms], ignore_index=True)
    slope, intercept = np.mean([calibration_line(labels[held], scores) for held, scores in tested.folds], axis=0)
    metrics = {
        **{f"{name}{end}": float(chosen[f"{name}{end}"]) for name in METRICS for end in ("", "_low", "_high")},
        "calibration_slope": round(float(slope), DIGITS),
        "calibration_intercept": round(float(intercept), DIGITS),
        **{name: float(chosen[name]) for name in _LINES},
        **{f"baseline_{name}": float(measures.loc[BASELINE, name]) for name in ("auc", "auc_low", "auc_high")},
        "positives": int(labels.sum()),
        "customers": len(labels),
        "base_rate": round(float(labels.mean()), DIGITS),
        "leak_alarms": len(alarms),
        "split": settings.split,
        "chosen": model.name,
        "verdict": "model",
    }
    ids = tested.ids.to_numpy()
    predictions = pd.DataFrame({"customer_id": ids, "label": labels, "churn_probability": probabilities})
    return ChurnResult(
        verdict="model",
        split=settings.split,
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
    content = [model.name, model.columns.names, model.slope, model.intercept, probabilities.round(DIGITS).tolist()]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
