"""Apply a registered model to today's customers: one scorer per kind of model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import ibis
import pandas as pd

from workbench.analysis.saved_models import SavedModel
from workbench.core.errors import DataError, Fault, did_you_mean

__all__ = ["SCORERS", "Prepared", "Scorer", "prepare_churn", "prepare_value"]


@dataclass(frozen=True)
class Prepared:
    """The customers to score and the function that scores them.

    Attributes
    ----------
    rows : ibis.Table
        One row per customer, in output order; read in batches.
    score : callable
        Converts a batch of these rows (DataFrame) into rows of the output table.
    notes : dict of int
        Filled during scoring: column to the number of customers with an unseen value.
    """

    rows: ibis.Table
    score: Callable[[pd.DataFrame], pd.DataFrame]
    notes: dict[str, int] = field(default_factory=dict)


# arguments: the model; the existing tables, including features; the as-of date or None
Scorer = Callable[[SavedModel, Mapping[str, ibis.Table], date | None], Prepared]


def prepare_churn(saved: SavedModel, tables: Mapping[str, ibis.Table], as_of: date | None) -> Prepared:
    """Apply a churn model: customer_id, churn_probability, purchase_probability, cut_off, model_version.

    If the model was trained on purchases, only customers who bought within its active days are scored.

    Raises
    ------
    DataError
        Columns that the model reads are missing from the features; all are named.
    """
    from workbench.analysis.churn.saved import count_unseen, unpack_churn  # noqa: PLC0415  (scikit-learn)
    from workbench.analysis.churn.scoring import score_frame  # noqa: PLC0415

    features = tables["features"]
    _check_columns(saved, features, saved.inputs)
    model = unpack_churn(saved)
    notes: dict[str, int] = {}
    active_days = saved.facts["active_within_days"]
    scored = features.filter(_active(tables, as_of, active_days)) if active_days else features

    def score(batch: pd.DataFrame) -> pd.DataFrame:
        for name, count in count_unseen(saved, batch).items():
            notes[name] = notes.get(name, 0) + count
        return score_frame(model, batch, kind=saved.facts["labels_from"], as_of=as_of, version=saved.version)

    # features are stored sorted by customer_id; sorting wide rows again would cost more than scoring them
    return Prepared(scored.select("customer_id", *saved.inputs), score, notes)


def prepare_value(saved: SavedModel, tables: Mapping[str, ibis.Table], as_of: date | None) -> Prepared:
    """Apply a model of value to every customer with a purchase before the date: the columns of the table ``value``.

    Raises
    ------
    DataError
        There are no dated orders of known customers, the features lack columns that the model reads (all are named),
        or the model is not the registered one.
    """
    from workbench.analysis.value.history import days_of_purchase, history_rows, read_history  # noqa: PLC0415
    from workbench.analysis.value.saved import unpack_value  # noqa: PLC0415

    definition = unpack_value(saved)
    lines = tables.get("transactions")
    if as_of is None or lines is None or not {"customer_id", "ordered_at", "amount"} <= set(lines.columns):
        needs = "customer_id, ordered_at and amount"
        raise DataError(Fault("score", "no table transactions with dated orders", needs, "Run 01_check_quality first"))
    rows = history_rows(days_of_purchase(lines, before=as_of), before=as_of)
    if not definition.features:
        return Prepared(rows, lambda batch: definition.value(read_history(batch, before=as_of)))
    features = tables["features"]
    _check_columns(saved, features, definition.features)
    inputs = features.select("customer_id", **{f"of_{name}": features[name] for name in definition.features})
    joined = rows.left_join(inputs, "customer_id").drop("customer_id_right").order_by("customer_id")
    names = {f"of_{name}": name for name in definition.features}

    def score(batch: pd.DataFrame) -> pd.DataFrame:
        values = batch[["customer_id", *names]].rename(columns=names)
        return definition.value(read_history(batch, before=as_of), values)

    return Prepared(joined, score)


# one entry per kind of registered model
SCORERS: dict[str, Scorer] = {"churn": prepare_churn, "value": prepare_value}


def _check_columns(saved: SavedModel, features: ibis.Table, names: Iterable[str]) -> None:
    missing = [name for name in names if name not in features.columns]
    faults = [
        Fault(
            "features",
            f"column '{name}' is missing",
            f"{saved.kind} model {saved.version} reads it",
            did_you_mean(name, features.columns)
            or "Build the features as they were when it was trained, or train it again",
        )
        for name in missing
    ]
    if faults:
        raise DataError(faults)


def _active(tables: Mapping[str, ibis.Table], as_of: date | None, days: Any) -> ibis.Value:
    """Return the condition on features that a customer bought within the model's active days."""
    if as_of is None or "recency_days" not in tables["features"].columns:
        raise DataError(Fault("features", "no recency_days", "Activity of customers", "Run 03_build_features first"))
    return tables["features"].recency_days <= int(days)
