"""Is the score implausibly good? The leak alarms of 08_predict_churn; each is triggered in a test.

Kapoor & Narayanan (2023), Leakage and the reproducibility crisis in machine-learning-based science, Patterns 4(9).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.churn.models.candidates import build_inputs
from workbench.analysis.churn.models.evaluation import auc
from workbench.analysis.model_columns import LEAST_ROWS, NOT_FEATURES, ModelColumns, tidy
from workbench.intake.features.alarms import find_alarms, has_future_name
from workbench.intake.features.registry import REGISTRY

__all__ = [
    "ALARMS",
    "find_feature_alarms",
    "find_future",
    "find_late_columns",
    "find_model_alarms",
    "is_fitted_elsewhere",
    "split_answered",
]

ALARMS = ("model_auc", "beyond_baseline", "feature_auc", "disguise", "identifier", "fitted_on_all", "after_cut_off")
LEAK_SINGLE = 0.95  # AUC of a single feature above which it is reported
ERROR_LEFT = 0.25  # smallest plausible ranking error (1 - AUC), as a share of the baseline's
PURE = 0.99  # event rate at one value from which the feature counts as a disguised label
PURE_SHARE = 0.1  # share of all events such a value must have
FEW_VALUES = 20
LEAST_CUSTOMERS = 20  # fewest at a value for its event rate to count
UNIQUE = 0.9  # share of distinct values from which a column identifies customers
MOST_ROWS = 20_000  # customers examined
FEW_NUMBERS = 5
FORECASTS = frozenset({"next_purchase_on"})  # forecast dates, computed from data before the cut-off
AGES = ("recency_days", "tenure_days")  # suffixes of columns that count days back from the cut-off
COLUMNS = ["alarm", "feature", "auc"]


def find_model_alarms(area: float, baseline: float | None, *, leak_auc: float) -> pd.DataFrame:
    """Raise alarms for an implausibly high AUC of the test.

    Parameters
    ----------
    area : float
        AUC of the chosen model.
    baseline : float or None
        AUC of recency alone on the same customers. None without dates: then recency is not comparable, since several
        columns together may contain information that no single one has.
    leak_auc : float
        AUC above which a leak is assumed until it is ruled out.

    Returns
    -------
    pandas.DataFrame
        alarm, feature (empty), auc: ``model_auc`` above leak_auc; ``beyond_baseline`` where the ranking error, 1 - AUC,
        is less than a quarter of the baseline's.
    """
    rows = []
    if area > leak_auc:
        rows.append({"alarm": "model_auc", "feature": "", "auc": area})
    if baseline is not None and baseline < LEAK_SINGLE and (1 - area) < ERROR_LEFT * (1 - max(baseline, 0.5)):
        rows.append({"alarm": "beyond_baseline", "feature": "", "auc": area})
    return pd.DataFrame(rows, columns=COLUMNS)


def split_answered(alarms: pd.DataFrame, allow: Collection[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split alarms into open ones and those an analyst has reviewed.

    Parameters
    ----------
    alarms : pandas.DataFrame
        alarm, feature, auc.
    allow : collection of str
        Features, or kinds of alarms if an alarm names no feature.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        Open and answered alarms.
    """
    if alarms.empty:
        return alarms, alarms
    names = alarms["feature"].where(alarms["feature"] != "", alarms["alarm"])
    answered = names.isin(list(allow))
    return alarms[~answered].reset_index(drop=True), alarms[answered].reset_index(drop=True)


def find_feature_alarms(features: pd.DataFrame, labels: np.ndarray, columns: ModelColumns) -> pd.DataFrame:
    """Find features that contain the label, identify the customer, or were fitted on all customers.

    Parameters
    ----------
    features : pandas.DataFrame
        Labelled customers with all their columns; of more than 20,000 every k-th is examined.
    labels : numpy.ndarray
        Shape (n,), 0 or 1.
    columns : ModelColumns

    Returns
    -------
    pandas.DataFrame
        alarm, feature, auc (of the feature alone; missing for an identifier), sorted:
        ``feature_auc``: value, missingness or category has an AUC above .95 in either direction;
        ``disguise``: a value (or missingness) with at least a tenth of the events has an event rate of .99 or more;
        ``identifier``: (nearly) every customer has a distinct value, as in row numbers and names; such columns are not
        used by the model;
        ``fitted_on_all``: the values equal the event rates of these customers, as a target encoding fitted on all
        customers would.
    """
    step = -(-len(labels) // MOST_ROWS) or 1
    sample, sample_labels = features.iloc[::step], np.asarray(labels)[::step]
    inputs = tidy(sample, columns)
    rows = []
    for name in sorted(columns.names):
        area = round(_single_auc(inputs[name], sample_labels), 6)
        if area > LEAK_SINGLE:
            rows.append({"alarm": "feature_auc", "feature": name, "auc": area})
        elif _is_disguised_label(inputs[name], sample_labels):
            rows.append({"alarm": "disguise", "feature": name, "auc": area})
        if _is_encoded_label(inputs[name], sample_labels):
            rows.append({"alarm": "fitted_on_all", "feature": name, "auc": area})
    for name in sorted(name for name, reason in columns.dropped.items() if reason == "identifier"):
        if name in sample.columns and _identifies_customers(name, sample[name]):
            rows.append({"alarm": "identifier", "feature": name, "auc": np.nan})
    return pd.DataFrame(rows, columns=COLUMNS)


def find_future(features: pd.DataFrame, cut_off: date) -> pd.DataFrame:
    """Find features with information from the cut-off or later.

    Parameters
    ----------
    features : pandas.DataFrame
        Features that should be as of the cut-off.
    cut_off : datetime.date

    Returns
    -------
    pandas.DataFrame
        alarm (``after_cut_off``), feature, auc (missing): dates at or after the cut-off; negative ages
        (``..recency_days``, ``..tenure_days``); declared columns whose names refer to the future (next, churned,
        流失 ...). ``next_purchase_on``, a forecast computed here, is exempt.
    """
    late = []
    for name in sorted(set(features.columns) - NOT_FEATURES - FORECASTS):
        if _is_late(name, features[name].dropna(), cut_off):
            late.append({"alarm": "after_cut_off", "feature": name, "auc": np.nan})
    return pd.DataFrame(late, columns=COLUMNS)


def _is_late(name: str, values: pd.Series, cut_off: date) -> bool:
    if values.empty:
        return False
    if name not in REGISTRY and has_future_name(name):
        return True
    if name.endswith(AGES) and pd.api.types.is_numeric_dtype(values):
        return bool((values < 0).any())
    days = _dates(values)
    return days is not None and bool((days >= pd.Timestamp(cut_off)).any())


def find_late_columns(tables: Mapping[str, ibis.Table], *, as_of: date, cut_off: date) -> pd.DataFrame:
    """Find declared attributes of customers with information from the future, before features are built from them.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables with all rows.
    as_of : datetime.date
        Date of the run: attributes must not have dates at or after it, nor names that refer to the future.
    cut_off : datetime.date
        Cut-off of the test: no attribute may reveal who bought after it.

    Returns
    -------
    pandas.DataFrame
        alarm (``after_cut_off``), feature (the column), auc (missing), sorted.
    """
    late = {alarm.column for alarm in find_alarms(tables, as_of=as_of)}
    late |= {alarm.column for alarm in find_alarms(tables, as_of=cut_off) if alarm.reason == "tied"}
    rows = [{"alarm": "after_cut_off", "feature": name, "auc": np.nan} for name in sorted(late)]
    return pd.DataFrame(rows, columns=COLUMNS)


def is_fitted_elsewhere(inputs: Any, kind: str, train: pd.DataFrame, columns: ModelColumns) -> bool:
    """Return whether the first step of a fitted pipeline was fitted on customers outside the training.

    Parameters
    ----------
    inputs : sklearn.compose.ColumnTransformer
        Fitted.
    kind : str
        Kind of inputs, as for ``candidates.build_inputs``.
    train : pandas.DataFrame
        The training customers, from ``tidy``.
    columns : ModelColumns

    Returns
    -------
    bool
        True if the same step, fitted on the training customers only, gives different inputs. Of scaled numbers only the
        first five are compared, since a fit on other customers changes each of them.
    """
    sample = train.iloc[:200]
    inputs_now = inputs.transform(sample)
    if kind == "linear" and len(columns.numeric) > FEW_NUMBERS:
        columns = ModelColumns(columns.numeric[:FEW_NUMBERS], ())
        train, sample, inputs_now = train[columns.names], sample[columns.names], inputs_now[:, :FEW_NUMBERS]
        inputs_refitted = build_inputs(kind, columns).fit(train).transform(sample)[:, :FEW_NUMBERS]
    else:
        inputs_refitted = build_inputs(kind, columns).fit(train).transform(sample)
    return inputs_refitted.shape != inputs_now.shape or not np.allclose(
        inputs_refitted, inputs_now, equal_nan=True, atol=1e-9
    )


def _single_auc(values: pd.Series, labels: np.ndarray) -> float:
    if values.dtype == "object":
        sizes = values.map(values.value_counts())
        merged = values.where(sizes >= 10, "\0rare")  # noqa: PLR2004
        scores = [pd.Series(labels, index=values.index).groupby(merged).transform("mean").to_numpy()]
    else:
        scores = [values.fillna(values.median()).fillna(0).to_numpy(), values.isna().to_numpy().astype(float)]
    areas = [auc(labels, candidate) for candidate in scores]
    return max(max(area, 1 - area) for area in areas)


def _is_disguised_label(values: pd.Series, labels: np.ndarray) -> bool:
    """Return whether the event nearly always occurs at one value, or where the value is missing, or present."""
    keys = values.astype(str) if values.nunique() <= FEW_VALUES else values.isna().astype(str)
    rates = pd.Series(labels, index=values.index).groupby(keys).agg(["size", "sum", "mean"])
    share = rates["sum"] / max(labels.sum(), 1)
    is_pure = (rates["size"] >= LEAST_CUSTOMERS) & (rates["mean"] >= PURE) & (share >= PURE_SHARE)
    return bool(is_pure.any()) and len(rates) > 1


def _is_encoded_label(values: pd.Series, labels: np.ndarray) -> bool:
    if values.dtype == "object" or not 2 <= values.nunique() <= FEW_VALUES * 10:
        return False
    rates = pd.Series(labels, index=values.index, dtype=float).groupby(values).agg(["size", "mean"])
    rates = rates[rates["size"] >= LEAST_CUSTOMERS]
    varies = rates["mean"].between(0.001, 0.999).any()
    return len(rates) >= 2 and bool(varies) and bool(np.allclose(rates.index, rates["mean"], atol=1e-6))  # noqa: PLR2004


def _identifies_customers(name: str, values: pd.Series) -> bool:
    values_present = values.dropna()
    return (
        name != "customer_id"
        and len(values_present) >= LEAST_ROWS
        and values_present.nunique() >= UNIQUE * len(values_present)
    )


def _dates(values: pd.Series) -> pd.Series | None:
    if pd.api.types.is_datetime64_any_dtype(values):
        return values
    if values.dtype == "object" and values.map(lambda value: hasattr(value, "isoformat")).all():
        return pd.to_datetime(values)
    return None
