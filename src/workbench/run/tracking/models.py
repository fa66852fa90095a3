"""The registry of trained models: ``churn-<profile>``, ``value-<profile>``, each with its digest, one the champion."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.run.artifacts.model_files import FACTS_FILE, MODEL_FOLDER, digest_model, read_cards, read_model

if TYPE_CHECKING:
    from workbench.analysis.saved_models import SavedModel

__all__ = ["ModelRegistry", "RegisteredModel", "write_signature"]

CHAMPION = "champion"
_SHOWN = ("auc", "average_precision", "brier", "baseline_auc", "chosen", "holdout_mae", "naive_mae")


@dataclass(frozen=True)
class RegisteredModel:
    """One version of a registered model.

    Attributes
    ----------
    number : int
        Version in the registry, from 1.
    version : str
        The model's own version.
    digest : str
        Of its files, when it was registered.
    champion : bool
    folder : Path
        Where its files lie.
    tags : dict of str
    """

    number: int
    version: str
    digest: str
    champion: bool
    folder: Path
    tags: dict[str, str]


class ModelRegistry:
    """The trained models of one kind and profile.

    Parameters
    ----------
    client : MlflowClient
    profile, kind : str
    """

    def __init__(self, client: MlflowClient, profile: str, kind: str):
        self.client = client
        self.kind = kind
        self.name = f"{kind}-{profile}"

    def versions(self) -> list[RegisteredModel]:
        """Return every version, the newest first."""
        champion = self._champion_number()
        found = [
            RegisteredModel(
                number=int(each.version),
                version=each.tags.get("model_version", ""),
                digest=each.tags.get("model_digest", ""),
                champion=int(each.version) == champion,
                folder=_path(each.source),
                tags=dict(each.tags),
            )
            for each in self.client.search_model_versions(f"name = '{self.name}'")
        ]
        return sorted(found, key=lambda each: -each.number)

    def find(self, which: str = CHAMPION) -> RegisteredModel:
        """Return the champion, or a version by its number or the model's own version.

        Raises
        ------
        ProfileError
            There is none.
        """
        versions = self.versions()
        if not versions:
            raise ProfileError(Fault(self.name, "no model is registered", "", "Run the stage that trains it first"))
        for each in versions:
            if which in (str(each.number), each.version) or (which == CHAMPION and each.champion):
                return each
        if which == CHAMPION:
            why = versions[0].tags.get("not_champion_because", "no promotion")
            found = f"no version is the champion; the newest, {versions[0].number}, is none because of {why}"
            raise ProfileError(Fault(self.name, found, "", "Mend what the report says, and run the stage again"))
        known = [CHAMPION, *(str(each.number) for each in versions), *(each.version for each in versions)]
        raise ProfileError(Fault(self.name, f"no version '{which}'", "", did_you_mean(which, known)))

    def load(self, registered: RegisteredModel) -> SavedModel:
        """Read a version's files, held against the digest they were registered with."""
        return read_model(registered.folder, digest=registered.digest)

    def register(self, folder: Path, *, run_id: str, data_digest: str) -> RegisteredModel:
        """Register the model that a tracked run holds among its artifacts; the newest without leak alarms is champion.

        Parameters
        ----------
        folder : Path
            The stage's own copy of the model.
        run_id : str
            Tracked id of the run whose artifacts hold it.
        data_digest : str
            Of the table it was trained on.
        """
        told = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        known = {each.version: each for each in self.versions()}
        if told["version"] not in known:
            self._create(told, folder, run_id, data_digest)
        registered = next(each for each in self.versions() if each.version == told["version"])
        if registered.champion:
            return registered
        if told["facts"].get("leak_alarms"):
            self._tag(registered.number, "not_champion_because", f"{told['facts']['leak_alarms']} leak alarms")
            return registered
        self.client.set_registered_model_alias(self.name, CHAMPION, str(registered.number))
        self._tag(registered.number, "champion_since", dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
        return self.find(CHAMPION)

    def _create(self, told: dict[str, Any], folder: Path, run_id: str, data_digest: str) -> None:
        if not self.client.search_registered_models(f"name = '{self.name}'"):
            self.client.create_registered_model(self.name, description=f"{self.kind}: see model_card among the files")
        facts = told["facts"]
        tags = {"model_version": told["version"], "model_digest": digest_model(folder), "data_digest": data_digest}
        tags |= {"as_of": facts.get("as_of") or "undated"}
        tags |= {f"cut_off.{name}": day for name, day in (facts.get("cut_offs") or {}).items()}
        measured = facts.get("metrics", {})
        tags |= {name: _short(measured[name]) for name in _SHOWN if measured.get(name) is not None}
        source = f"{self.client.get_run(run_id).info.artifact_uri}/{MODEL_FOLDER}"
        self.client.create_model_version(self.name, source, run_id=run_id, tags=tags, description=read_cards(folder))

    def _tag(self, number: int, key: str, value: str) -> None:
        self.client.set_model_version_tag(self.name, str(number), key, value)

    def _champion_number(self) -> int:
        try:
            return int(self.client.get_registered_model(self.name).aliases.get(CHAMPION, 0))
        except MlflowException:  # not registered yet
            return 0


def write_signature(folder: Path, run_id: str) -> None:
    """Write the MLmodel file that shows the inputs in the tracking pages; nothing is loaded by it."""
    told = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    kinds = {"number": DataType.double, "text": DataType.string}
    columns = [ColSpec(kinds[kind], name, required=False) for name, kind in told["inputs"].items()]
    answers = {"churn": "churn_probability", "value": "expected_value"}
    answer = ColSpec(DataType.double, answers.get(told["kind"], told["kind"]))
    signature = ModelSignature(Schema(columns), Schema([answer]))
    described = Model(artifact_path=MODEL_FOLDER, run_id=run_id, signature=signature if columns else None)
    described.add_flavor("workbench", kind=told["kind"], version=told["version"], applied_by="workbench score")
    described.save(str(folder / "MLmodel"))


def _path(source: str) -> Path:
    parts = urlsplit(source)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(source)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
