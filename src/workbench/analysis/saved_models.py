"""Saved models: plain values and a fitted pipeline in skops format, never a pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from workbench.core.errors import DataError, Fault

__all__ = ["SavedModel", "dump_pipeline", "load_pipeline", "signature_of"]


@dataclass(frozen=True)
class SavedModel:
    """A model that can be saved, registered and applied again.

    Attributes
    ----------
    kind : str
        ``churn`` or ``value``: part of the name of the registered model, ``<kind>-<profile>``; selects the scoring
        function.
    version : str
        A digest of the model, the same for the same data and parameters.
    facts : dict
        JSON values: everything other than the pipeline that is needed for scoring, and the date, data and result of the
        test. With ``leak_alarms`` above 0 the model cannot become the champion.
    inputs : dict of str
        Input columns: name to number or text.
    example : list of dict
        A few rows of input with typical values, not of a real customer.
    body : bytes
        The pipeline from ``dump_pipeline``; empty if the facts are the whole model.
    """

    kind: str
    version: str
    facts: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    example: list[dict[str, Any]] = field(default_factory=list)
    body: bytes = b""

    def to_json(self) -> str:
        """Return everything but the pipeline, with the pipeline's SHA-256."""
        content = {"kind": self.kind, "version": self.version, "inputs": self.inputs, "example": self.example}
        content |= {"body_sha256": hashlib.sha256(self.body).hexdigest(), "facts": self.facts}
        return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, body: bytes) -> SavedModel:
        """Restore a model.

        Raises
        ------
        DataError
            When the text is not a model, or the pipeline does not match it.
        """
        try:
            content = json.loads(text)
            digest = content.pop("body_sha256")
            model = cls(**content, body=body)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(Fault("model.json", "not a saved model", "a file written by a stage")) from None
        if hashlib.sha256(body).hexdigest() != digest:
            raise DataError(Fault("model.skops", "not the pipeline that model.json names", "both files of one model"))
        return model


def dump_pipeline(pipeline: Any) -> bytes:
    """Return a fitted scikit-learn pipeline in skops format."""
    import skops.io  # noqa: PLC0415  (imports scikit-learn, which takes seconds)

    return skops.io.dumps(pipeline)


def load_pipeline(body: bytes, *, trusted: Collection[str]) -> Any:
    """Load a pipeline that contains only allowed types; the caller checks its digest first.

    Parameters
    ----------
    body : bytes
    trusted : collection of str
        Full names of types allowed in addition to those skops trusts.

    Raises
    ------
    DataError
        When the pipeline contains a type that is not allowed; then nothing is loaded.
    """
    import skops.io  # noqa: PLC0415

    untrusted = sorted(set(skops.io.get_untrusted_types(data=body)) - set(trusted))
    if untrusted:
        problem = f"types that are not on our list: {', '.join(untrusted)}"
        raise DataError(Fault("model.skops", problem, "a pipeline of this workbench", "Train it again"))
    return skops.io.loads(body, trusted=sorted(trusted))


def signature_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the columns of a frame by kind: number or text."""
    return {name: "number" if pd.api.types.is_numeric_dtype(frame[name]) else "text" for name in frame.columns}
