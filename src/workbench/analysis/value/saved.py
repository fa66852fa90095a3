"""Saving and loading the value model of 09_value_customers, for ``workbench score``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workbench.analysis.saved_models import SavedModel
from workbench.analysis.value.definition import ValueDefinition
from workbench.core.errors import DataError, Fault

if TYPE_CHECKING:
    from workbench.analysis.value.study import ValueStudy

__all__ = ["KIND", "pack_value", "unpack_value"]

KIND = "value"
# inputs from a customer's purchases
_INPUTS = ("repeats", "last_weeks", "age_weeks", "paid_repeats", "spend_repeat_mean", "spend_total")


def pack_value(study: ValueStudy) -> SavedModel | None:
    """Return the model of a study as data; None without a definition.

    The parameters are the model; there is no pipeline.
    """
    if study.definition is None:
        return None
    definition = study.definition
    evidence = dict(definition.evidence)
    rows = study.holdout[study.holdout["target"] == "orders"].set_index("model")
    metrics: dict[str, Any] = {
        "chosen": study.chosen,
        "holdout_mae": float(rows.loc[definition.order_model, "mae"]),
        "naive_mae": float(rows.loc["naive", "mae"]),
        "interval_coverage": study.reasons["interval_coverage"],
    }
    facts = {
        "definition": json.loads(definition.to_json()),
        "as_of": definition.as_of,
        "cut_offs": {"test": evidence["calibration_until"]},
        "horizon_days": study.facts["horizon_days"],
        "holdout_until": study.facts["holdout_until"].isoformat(),
        "customers": evidence["customers"],
        "leak_alarms": 0,
        "metrics": metrics,
    }
    example: dict[str, Any] = {"repeats": 2, "last_weeks": 20.0, "age_weeks": 40.0, "paid_repeats": 2}
    example |= {"spend_repeat_mean": definition.spend.mean, "spend_total": 3 * definition.spend.mean}
    inputs = dict.fromkeys(_INPUTS, "number")
    if definition.learned:
        words = definition.learned.model.inputs.words
        inputs |= {name: "text" if name in words else "number" for name in definition.features}
        example |= {name: words[name][0] if name in words else None for name in definition.features}
    return SavedModel(KIND, definition.version, facts, inputs, [example])


def unpack_value(saved: SavedModel) -> ValueDefinition:
    """Restore the definition and check its version.

    Raises
    ------
    DataError
        When the saved model is not a value model, or was changed.
    """
    if saved.kind != KIND or "definition" not in saved.facts:
        raise DataError(Fault("model.json", f"a model of kind {saved.kind!r}", f"kind {KIND!r}", "Train it again"))
    return ValueDefinition.from_json(json.dumps(saved.facts["definition"]))
