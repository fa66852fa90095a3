"""How a kept model of each kind is applied to today's customers: one scorer per kind, found by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import ibis
import pandas as pd

from workbench.analysis.saved_models import SavedModel
from workbench.core.errors import DataError, Fault, did_you_mean

__all__ = ["SCORERS", "Prepared", "Scorer", "prepare_churn", "prepare_value"]


@dataclass(frozen=True)
class Prepared:
    """What is to be scored, and how.

    Attributes
    ----------
    rows : ibis.Table
        One row per customer, in the order that is written; read in batches.
    score : callable
        A batch of these rows, as pandas, to the table the scorer writes.
    notes : dict of int
        Filled while batches are scored: what fell back on something, and for how many customers.
    """

    rows: ibis.Table
    score: Callable[[pd.DataFrame], pd.DataFrame]
    notes: dict[str, int] = field(default_factory=dict)


# (the model, its registered number; tables that are there, features among them; as-of date or None) -> what to score
Scorer = Callable[[SavedModel, Mapping[str, ibis.Table], date | None], Prepared]


def prepare_churn(saved: SavedModel, tables: Mapping[str, ibis.Table], as_of: date | None) -> Prepared:
    """Apply a churn model: customer_id, churn_probability, purchase_probability, cut_off, model_version.

    Where the model learned from purchases, only customers who bought within its active days are scored.

    Raises
    ------
    DataError
        The features lack a column the model reads; every one is named.
    """
    from workbench.analysis.churn.saved import count_unseen, unpack_churn  # noqa: PLC0415  (scikit-learn)
    from workbench.analysis.churn.scoring import score_frame  # noqa: PLC0415

    features = tables["features"]
    _check_columns(saved, features, saved.inputs)
    model, notes = unpack_churn(saved), {}
    asked = features.filter(_active(tables, as_of, saved.facts)) if saved.facts["active_within_days"] else features

    def score(batch: pd.DataFrame) -> pd.DataFrame:
        for name, count in count_unseen(saved, batch).items():
            notes[name] = notes.get(name, 0) + count
        return score_frame(model, batch, kind=saved.facts["labels_from"], as_of=as_of, version=saved.version)

    # features lie sorted by customer_id: sorting wide rows again would cost more than scoring them
    return Prepared(asked.select("customer_id", *saved.inputs), score, notes)


def prepare_value(saved: SavedModel, tables: Mapping[str, ibis.Table], as_of: date | None) -> Prepared:
    """Apply a model of value to every customer with a purchase before the date: the columns of the table ``value``.

    Raises
    ------
    DataError
        There are no dated orders of known customers, the features lack a column the model reads (every one is named),
        or the model is not the one that was kept.
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
    known = features.select("customer_id", **{f"of_{name}": features[name] for name in definition.features})
    joined = rows.left_join(known, "customer_id").drop("customer_id_right").order_by("customer_id")
    names = {f"of_{name}": name for name in definition.features}

    def score(batch: pd.DataFrame) -> pd.DataFrame:
        given = batch[["customer_id", *names]].rename(columns=names)
        return definition.value(read_history(batch, before=as_of), given)

    return Prepared(joined, score)


# each kind of registered model has one entry here
SCORERS: dict[str, Scorer] = {"churn": prepare_churn, "value": prepare_value}


def _check_columns(saved: SavedModel, features: ibis.Table, names: Iterable[str]) -> None:
    lacking = [name for name in names if name not in features.columns]
    faults = [
        Fault(
            "features",
            f"column '{name}' is not there",
            f"{saved.kind} model {saved.version} reads it",
            did_you_mean(name, features.columns)
            or "Build the features as they were when it was trained, or train anew",
        )
        for name in lacking
    ]
    if faults:
        raise DataError(faults)


def _active(tables: Mapping[str, ibis.Table], as_of: date | None, facts: Mapping[str, object]) -> ibis.Value:
    """Say who bought within the model's active days, as a condition on features."""
    if as_of is None or "recency_days" not in tables["features"].columns:
        raise DataError(Fault("features", "no recency_days", "customers active of late", "Run 03_build_features first"))
    return tables["features"].recency_days <= int(facts["active_within_days"])
