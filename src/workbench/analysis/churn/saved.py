"""The churn model as data, and back: what 08_predict_churn keeps and ``workbench score`` applies."""

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
# what a churn pipeline may hold beyond skops' own list
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
    """Turn the model of a study into data; None where there is none.

    Parameters
    ----------
    study : ChurnStudy
    features : pandas.DataFrame
        Of today's customers: the typical values of the input example come from it.
    as_of : str
        ISO date, empty where nothing is dated.
    label_name : str
    """
    model = study.result.model
    if model is None:
        return None
    columns = _read(model)
    known = tidy(features, columns)
    facts = {
        "candidate": model.name,
        "numeric": list(columns.numeric),
        "categorical": list(columns.categorical),
        "slope": model.slope,
        "intercept": model.intercept,
        "settings": model.settings,
        "words": {name: _words(model, name, at) for at, name in enumerate(columns.categorical)},
        "label_name": label_name,
        "labels_from": study.kind,
        "as_of": as_of,
        "cut_offs": {name: each.isoformat() for name, each in study.cut_offs.items()},
        "train_cut_offs": [each.isoformat() for each in study.train_cut_offs],
        "horizon_days": study.horizon.days if study.horizon else None,
        "active_within_days": study.active_within_days,
        "leak_alarms": len(study.result.alarms),
        "metrics": {name: value for name, value in study.result.metrics.items() if not pd.isna(value)},
    }
    typical = {name: _typical(known[name]) for name in known.columns}
    return SavedModel(
        KIND, study.result.model_version, facts, signature_of(known), [typical], dump_pipeline(model.pipeline)
    )


def unpack_churn(saved: SavedModel) -> ChurnModel:
    """Build the model again; its files' digest is to be checked before.

    Raises
    ------
    DataError
        It is no churn model, or its pipeline holds what is not on our list.
    """
    if saved.kind != KIND:
        raise DataError(Fault("model.json", f"a model of kind '{saved.kind}'", f"one of kind '{KIND}'"))
    facts = saved.facts
    columns = ModelColumns(tuple(facts["numeric"]), tuple(facts["categorical"]))
    pipeline = load_pipeline(saved.body, trusted=TRUSTED)
    return ChurnModel(facts["candidate"], columns, pipeline, facts["slope"], facts["intercept"], facts["settings"])


def count_unseen(saved: SavedModel, features: pd.DataFrame) -> dict[str, int]:
    """Count the rows whose words the model has not seen, by column; they are scored as the rare ones are."""
    counts = {}
    for name, words in saved.facts["words"].items():
        found = features[name].value_counts()  # of a word, not of a row: few words, many rows
        strange = int(found[~found.index.map(str).isin(words)].sum())
        if strange:
            counts[name] = strange
    return counts


def _read(model: ChurnModel) -> ModelColumns:
    """Return the columns the model reads: of all those it might have seen, a baseline reads one or three."""
    kind = inputs_of(model.name, model.columns)
    if kind not in ("recency", "history"):
        return ModelColumns(model.columns.numeric, model.columns.categorical)
    return ModelColumns(tuple(HISTORY) if kind == "history" else (BASELINE_COLUMN,), ())


def _words(model: ChurnModel, name: str, at: int) -> list[str]:
    """Return the words of a categorical feature among the training customers; none where the model reads no words."""
    encoder = dict(getattr(model.pipeline[0], "named_transformers_", {})).get("texts")
    return [str(each) for each in encoder.categories_[at]] if encoder is not None else []


def _typical(values: pd.Series) -> Any:
    if values.dtype == "object":
        common = values.value_counts().sort_index(kind="stable")
        return str(common.idxmax()) if len(common) else ""
    middle = values.median()
    return None if pd.isna(middle) else round(float(middle), 6)
