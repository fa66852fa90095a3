"""Is the score implausibly good? The leak alarms of 08_predict_churn, each with a drill among the tests.

Kapoor & Narayanan (2023), Leakage and the reproducibility crisis in machine-learning-based science, Patterns 4(9).
"""

from __future__ import annotations

from collections.abc import Mapping
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
]

ALARMS = ("model_auc", "beyond_baseline", "feature_auc", "disguise", "identifier", "fitted_on_all", "after_cut_off")
LEAK_SINGLE = 0.95  # AUC of one feature alone
ERROR_LEFT = 0.25  # share of the baseline's ranking error that an honest model leaves at least
PURE = 0.99  # share of events at one value of a feature that makes it the label in disguise
PURE_SHARE = 0.1  # of the events that such a value must hold
FEW_VALUES = 20
LEAST_CUSTOMERS = 20  # at a value, before its share of events is believed
UNIQUE = 0.9  # share of distinct texts from which a column is a name of the customer
MOST_ROWS = 20_000  # customers looked at
FEW_NUMBERS = 5
FORECASTS = frozenset({"next_purchase_on"})  # dates that are expected, from what was known before
AGES = ("recency_days", "tenure_days")  # endings of columns that count back from the cut-off
COLUMNS = ["alarm", "feature", "auc"]


def find_model_alarms(area: float, baseline: float, *, leak_auc: float) -> pd.DataFrame:
    """Hold the tested AUC against what is believable.

    Parameters
    ----------
    area, baseline : float
        AUC of the chosen model and of recency (or one feature) alone, on the same customers.
    leak_auc : float
        AUC above which a score is a leak until proven otherwise.

    Returns
    -------
    pandas.DataFrame
        alarm, feature (empty), auc: ``model_auc`` above leak_auc; ``beyond_baseline`` where the model leaves less than
        a quarter of the baseline's ranking error, 1 - AUC.
    """
    rows = []
    if area > leak_auc:
        rows.append({"alarm": "model_auc", "feature": "", "auc": area})
    if baseline < LEAK_SINGLE and (1 - area) < ERROR_LEFT * (1 - max(baseline, 0.5)):
        rows.append({"alarm": "beyond_baseline", "feature": "", "auc": area})
    return pd.DataFrame(rows, columns=COLUMNS)


def find_feature_alarms(features: pd.DataFrame, labels: np.ndarray, columns: ModelColumns) -> pd.DataFrame:
    """Name the features that must know the label, that name the customer, or that were fitted on everybody.

    Parameters
    ----------
    features : pandas.DataFrame
        Labelled customers with all their columns; of more than 20,000 every k-th is looked at.
    labels : numpy.ndarray
        Shape (n,), 0 or 1.
    columns : ModelColumns

    Returns
    -------
    pandas.DataFrame
        alarm, feature, auc (of the feature alone; missing for an identifier), sorted:
        ``feature_auc``: value, missingness or category reaches an AUC above .95 in either direction;
        ``disguise``: a value (or being missing) that holds a tenth of the events or more is followed by the event in
        .99 of cases;
        ``identifier``: (nearly) every customer has a value of their own, as in row numbers and names; it is left out;
        ``fitted_on_all``: the values are the shares of events of these very customers, as an encoding by the label
        makes them when it is fitted on all.
    """
    step = -(-len(labels) // MOST_ROWS) or 1
    looked, said = features.iloc[::step], np.asarray(labels)[::step]
    known = tidy(looked, columns)
    rows = []
    for name in sorted(columns.names):
        area = round(_alone(known[name], said), 6)
        if area > LEAK_SINGLE:
            rows.append({"alarm": "feature_auc", "feature": name, "auc": area})
        elif _discloses(known[name], said):
            rows.append({"alarm": "disguise", "feature": name, "auc": area})
        if _is_encoded_label(known[name], said):
            rows.append({"alarm": "fitted_on_all", "feature": name, "auc": area})
    for name in sorted(name for name, reason in columns.dropped.items() if reason == "identifier"):
        if name in looked.columns and _names_the_customer(name, looked[name]):
            rows.append({"alarm": "identifier", "feature": name, "auc": np.nan})
    return pd.DataFrame(rows, columns=COLUMNS)


def find_future(features: pd.DataFrame, cut_off: date) -> pd.DataFrame:
    """Name the features that hold something at or after the cut-off.

    Parameters
    ----------
    features : pandas.DataFrame
        As they are said to have stood at the cut-off.
    cut_off : datetime.date

    Returns
    -------
    pandas.DataFrame
        alarm (``after_cut_off``), feature, auc (missing): dates at or after the cut-off; ages counted back from it
        (``..recency_days``, ``..tenure_days``) that are negative; columns that are not built here and whose names
        speak of what came after (next, churned, 流失 ...). The one expected date that is built here,
        ``next_purchase_on``, is no knowledge of it.
    """
    late = []
    for name in sorted(set(features.columns) - NOT_FEATURES - FORECASTS):
        if _is_late(name, features[name].dropna(), cut_off):
            late.append({"alarm": "after_cut_off", "feature": name, "auc": np.nan})
    return pd.DataFrame(late, columns=COLUMNS)


def _is_late(name: str, known: pd.Series, cut_off: date) -> bool:
    if known.empty:
        return False
    if name not in REGISTRY and has_future_name(name):
        return True
    if name.endswith(AGES) and pd.api.types.is_numeric_dtype(known):
        return bool((known < 0).any())
    days = _dates(known)
    return days is not None and bool((days >= pd.Timestamp(cut_off)).any())


def find_late_columns(tables: Mapping[str, ibis.Table], *, as_of: date, cut_off: date) -> pd.DataFrame:
    """Name the declared attributes of customers that know what came after, before features are built of them.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables, uncut.
    as_of : datetime.date
        Of the run: no date of an attribute may lie at or after it, no name speak of what came after.
    cut_off : datetime.date
        Of the test: no attribute may tell who bought after it.

    Returns
    -------
    pandas.DataFrame
        alarm (``after_cut_off``), feature (the column), auc (missing), sorted.
    """
    found = {each.column for each in find_alarms(tables, as_of=as_of)}
    found |= {each.column for each in find_alarms(tables, as_of=cut_off) if each.reason == "tied"}
    rows = [{"alarm": "after_cut_off", "feature": name, "auc": np.nan} for name in sorted(found)]
    return pd.DataFrame(rows, columns=COLUMNS)


def is_fitted_elsewhere(inputs: Any, kind: str, train: pd.DataFrame, columns: ModelColumns) -> bool:
    """Say whether the first step of a fitted pipeline knows more customers than the training ones.

    Parameters
    ----------
    inputs : sklearn.compose.ColumnTransformer
        Fitted.
    kind : str
        Of ``candidates.build_inputs``.
    train : pandas.DataFrame
        The training customers, as ``tidy`` gives them.
    columns : ModelColumns

    Returns
    -------
    bool
        True where the same step, fitted on the training customers alone, makes something else of them. Of many numbers
        that are scaled the first five are looked at: a fit on other customers shows in each.
    """
    shown = train.iloc[:200]
    found = inputs.transform(shown)
    if kind == "linear" and len(columns.numeric) > FEW_NUMBERS:
        columns = ModelColumns(columns.numeric[:FEW_NUMBERS], ())
        train, shown, found = train[columns.names], shown[columns.names], found[:, :FEW_NUMBERS]
        honest = build_inputs(kind, columns).fit(train).transform(shown)[:, :FEW_NUMBERS]
    else:
        honest = build_inputs(kind, columns).fit(train).transform(shown)
    return honest.shape != found.shape or not np.allclose(honest, found, equal_nan=True, atol=1e-9)


def _alone(values: pd.Series, labels: np.ndarray) -> float:
    if values.dtype == "object":
        sizes = values.map(values.value_counts())
        merged = values.where(sizes >= 10, "\0rare")  # noqa: PLR2004
        scores = [pd.Series(labels, index=values.index).groupby(merged).transform("mean").to_numpy()]
    else:
        scores = [values.fillna(values.median()).fillna(0).to_numpy(), values.isna().to_numpy().astype(float)]
    areas = [auc(labels, each) for each in scores]
    return max(max(area, 1 - area) for area in areas)


def _discloses(values: pd.Series, labels: np.ndarray) -> bool:
    """Say whether one value, or being missing or there, is followed by the event nearly always."""
    keys = values.astype(str) if values.nunique() <= FEW_VALUES else values.isna().astype(str)
    told = pd.Series(labels, index=values.index).groupby(keys).agg(["size", "sum", "mean"])
    share = told["sum"] / max(labels.sum(), 1)
    held = (told["size"] >= LEAST_CUSTOMERS) & (told["mean"] >= PURE) & (share >= PURE_SHARE)
    return bool(held.any()) and len(told) > 1


def _is_encoded_label(values: pd.Series, labels: np.ndarray) -> bool:
    if values.dtype == "object" or not 2 <= values.nunique() <= FEW_VALUES * 10:
        return False
    told = pd.Series(labels, index=values.index, dtype=float).groupby(values).agg(["size", "mean"])
    told = told[told["size"] >= LEAST_CUSTOMERS]
    middling = told["mean"].between(0.001, 0.999).any()
    return len(told) >= 2 and bool(middling) and bool(np.allclose(told.index, told["mean"], atol=1e-6))  # noqa: PLR2004


def _names_the_customer(name: str, values: pd.Series) -> bool:
    known = values.dropna()
    return name != "customer_id" and len(known) >= LEAST_ROWS and known.nunique() >= UNIQUE * len(known)


def _dates(values: pd.Series) -> pd.Series | None:
    if pd.api.types.is_datetime64_any_dtype(values):
        return values
    if values.dtype == "object" and values.map(lambda each: hasattr(each, "isoformat")).all():
        return pd.to_datetime(values)
    return None
