"""A model as data: what it is in plain values, and its fitted pipeline in skops' form, never a pickle."""

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
    """A model that can be kept, registered and applied again.

    Attributes
    ----------
    kind : str
        ``churn``, ``value``: the registered model is ``<kind>-<profile>``, the scorer is found by it.
    version : str
        A digest of what the model says, the same for the same data and parameters.
    facts : dict
        Plain values (JSON): all that applying it needs beside the pipeline, and when, on what and how well it was
        tested. ``leak_alarms`` above 0 keeps it from becoming the champion.
    inputs : dict of str
        Columns it reads: name to number or text.
    example : list of dict
        A few rows of input, made up of typical values, none of a customer.
    body : bytes
        The pipeline as ``dump_pipeline`` gives it; empty where the facts are the model.
    """

    kind: str
    version: str
    facts: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    example: list[dict[str, Any]] = field(default_factory=list)
    body: bytes = b""

    def to_json(self) -> str:
        """Return everything but the pipeline, with the pipeline's SHA-256."""
        told = {"kind": self.kind, "version": self.version, "inputs": self.inputs, "example": self.example}
        told |= {"body_sha256": hashlib.sha256(self.body).hexdigest(), "facts": self.facts}
        return json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str, body: bytes) -> SavedModel:
        """Read a model back.

        Raises
        ------
        DataError
            The text is no model, or the pipeline is not the one it names.
        """
        try:
            told = json.loads(text)
            named = told.pop("body_sha256")
            model = cls(**told, body=body)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(Fault("model.json", "no saved model", "what a stage wrote")) from None
        if hashlib.sha256(body).hexdigest() != named:
            raise DataError(Fault("model.skops", "not the pipeline that model.json names", "both files of one model"))
        return model


def dump_pipeline(pipeline: Any) -> bytes:
    """Return a fitted scikit-learn pipeline in skops' form."""
    import skops.io  # noqa: PLC0415  (imports scikit-learn, which takes seconds)

    return skops.io.dumps(pipeline)


def load_pipeline(body: bytes, *, trusted: Collection[str]) -> Any:
    """Read a pipeline back, by our own list of what may be in it; its digest is to be checked before.

    Parameters
    ----------
    body : bytes
    trusted : collection of str
        Types beyond skops' own list, by their full names.

    Raises
    ------
    DataError
        It holds a type that is not on the list; nothing of it is built then.
    """
    import skops.io  # noqa: PLC0415

    strange = sorted(set(skops.io.get_untrusted_types(data=body)) - set(trusted))
    if strange:
        found = f"types that are not on our list: {', '.join(strange)}"
        raise DataError(Fault("model.skops", found, "a pipeline of this workbench", "Train it anew"))
    return skops.io.loads(body, trusted=sorted(trusted))


def signature_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the columns of a frame by kind: number or text."""
    return {name: "number" if pd.api.types.is_numeric_dtype(frame[name]) else "text" for name in frame.columns}
