"""Saving and loading the churn model of 08_predict_churn, for ``workbench score``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.churn.models.candidates import BASELINE_COLUMN, inputs_of
from workbench.analysis.churn.models.fitting import ChurnModel
from workbench.analysis.churn.models.steps import HISTORY
from workbench.analysis.model_columns import ModelColumns, tidy
from workbench.analysis.saved_models import SavedModel, dump_pipeline, load_pipeline, signature_of
from workbench.core.errors import DataError, Fault

if TYPE_CHECKING:
    from workbench.analysis.churn.study import ChurnStudy

__all__ = ["KIND", "TRUSTED", "count_unseen", "pack_churn", "unpack_churn"]

KIND = "churn"
# types allowed in a churn pipeline in addition to those skops trusts
TRUSTED = frozenset(
    {
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
        "workbench.analysis.churn.models.candidates._ranking",
        "workbench.analysis.churn.models.steps.EmptyAsZero",
        "workbench.analysis.churn.models.steps.ExpectedPurchases",
        "workbench.analysis.churn.models.steps.SignedLog",
        "workbench.analysis.churn.models.steps.WordColumns",
    }
)


def pack_churn(study: ChurnStudy, features: pd.DataFrame, *, as_of: str, label_name: str) -> SavedModel | None:
    """Return the model of a study as data; None without a model.

    Parameters
    ----------
    study : ChurnStudy
    features : pandas.DataFrame
        Features of today's customers, for the typical values of the input example.
    as_of : str
        ISO date; empty with undated labels.
    label_name : str
    """
    model = study.result.model
    if model is None:
        return None
    columns = _columns_used(model)
    inputs = tidy(features, columns)
    facts = {
        "candidate": model.name,
        "numeric": list(columns.numeric),
        "categorical": list(columns.categorical),
        "slope": model.slope,
        "intercept": model.intercept,
        "settings": model.settings,
        "words": {name: _words(model, name, position) for position, name in enumerate(columns.categorical)},
        "label_name": label_name,
        "labels_from": study.kind,
        "as_of": as_of,
        "cut_offs": {name: cut_off.isoformat() for name, cut_off in study.cut_offs.items()},
        "train_cut_offs": [cut_off.isoformat() for cut_off in study.train_cut_offs],
        "horizon_days": study.horizon.days if study.horizon else None,
        "active_within_days": study.active_within_days,
        "leak_alarms": len(study.result.alarms),
        "metrics": {name: value for name, value in study.result.metrics.items() if not pd.isna(value)},
    }
    typical = {name: _typical(inputs[name]) for name in inputs.columns}
    return SavedModel(
        KIND, study.result.model_version, facts, signature_of(inputs), [typical], dump_pipeline(model.pipeline)
    )


def unpack_churn(saved: SavedModel) -> ChurnModel:
    """Rebuild the model; the caller checks the digest of its files first.

    Raises
    ------
    DataError
        When the model is not a churn model, or its pipeline contains a type that is not allowed.
    """
    if saved.kind != KIND:
        raise DataError(Fault("model.json", f"a model of kind '{saved.kind}'", f"one of kind '{KIND}'"))
    facts = saved.facts
    columns = ModelColumns(tuple(facts["numeric"]), tuple(facts["categorical"]))
    pipeline = load_pipeline(saved.body, trusted=TRUSTED)
    return ChurnModel(facts["candidate"], columns, pipeline, facts["slope"], facts["intercept"], facts["settings"])


def count_unseen(saved: SavedModel, features: pd.DataFrame) -> dict[str, int]:
    """Count rows with category values unseen in training, by column; they are scored as rare values."""
    counts = {}
    for name, words in saved.facts["words"].items():
        word_counts = features[
            name
        ].value_counts()  # counted per distinct value, since there are few values and many rows
        n_unseen = int(word_counts[~word_counts.index.map(str).isin(words)].sum())
        if n_unseen:
            counts[name] = n_unseen
    return counts


def _columns_used(model: ChurnModel) -> ModelColumns:
    """Return the columns the model uses; a baseline uses only one or three of the available columns."""
    kind = inputs_of(model.name, model.columns)
    if kind not in ("recency", "history"):
        return ModelColumns(model.columns.numeric, model.columns.categorical)
    return ModelColumns(tuple(HISTORY) if kind == "history" else (BASELINE_COLUMN,), ())


def _words(model: ChurnModel, name: str, position: int) -> list[str]:
    """Return the category values of a feature in the training; empty if the model uses no categories."""
    encoder = dict(getattr(model.pipeline[0], "named_transformers_", {})).get("texts")
    return [str(word) for word in encoder.categories_[position]] if encoder is not None else []


def _typical(values: pd.Series) -> Any:
    if values.dtype == "object":
        common = values.value_counts().sort_index(kind="stable")
        return str(common.idxmax()) if len(common) else ""
    middle = values.median()
    return None if pd.isna(middle) else round(float(middle), 6)
