"""The registry of trained models ``churn-<profile>`` and ``value-<profile>``: versions, digests, champion."""

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
        The version of the model itself.
    digest : str
        Digest of its files at registration.
    champion : bool
    folder : Path
        The folder of its files.
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
        """Return every version, newest first."""
        champion = self._champion_number()
        versions = [
            RegisteredModel(
                number=int(entry.version),
                version=entry.tags.get("model_version", ""),
                digest=entry.tags.get("model_digest", ""),
                champion=int(entry.version) == champion,
                folder=_path(entry.source or ""),
                tags=dict(entry.tags),
            )
            for entry in self.client.search_model_versions(f"name = '{self.name}'")
        ]
        return sorted(versions, key=lambda version: -version.number)

    def find(self, which: str = CHAMPION) -> RegisteredModel:
        """Return the champion, or a version by its number or the model's version.

        Raises
        ------
        ProfileError
            No model is registered, or no version matches.
        """
        versions = self.versions()
        if not versions:
            raise ProfileError(Fault(self.name, "no model is registered", "", "Run the stage that trains it first"))
        for version in versions:
            if which in (str(version.number), version.version) or (which == CHAMPION and version.champion):
                return version
        if which == CHAMPION:
            reason = versions[0].tags.get("not_champion_because", "no promotion")
            problem = f"no version is the champion; the newest, {versions[0].number}, is not because of {reason}"
            raise ProfileError(Fault(self.name, problem, "", "Correct what the report says, and run the stage again"))
        numbers, digests = [str(version.number) for version in versions], [version.version for version in versions]
        raise ProfileError(
            Fault(self.name, f"no version '{which}'", "", did_you_mean(which, [CHAMPION, *numbers, *digests]))
        )

    def load(self, registered: RegisteredModel) -> SavedModel:
        """Read a version's files, checked against their registered digest."""
        return read_model(registered.folder, digest=registered.digest)

    def register(self, folder: Path, *, run_id: str, data_digest: str) -> RegisteredModel:
        """Register the model in the artifacts of a tracked run; make it champion unless it has leak alarms.

        Parameters
        ----------
        folder : Path
            The folder with the stage's copy of the model.
        run_id : str
            MLflow id of the run whose artifacts hold it.
        data_digest : str
            Digest of the table it was trained on.
        """
        model = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        if model["version"] not in {version.version for version in self.versions()}:
            self._create(model, folder, run_id, data_digest)
        registered = next(version for version in self.versions() if version.version == model["version"])
        if registered.champion:
            return registered
        if model["facts"].get("leak_alarms"):
            self._tag(registered.number, "not_champion_because", f"{model['facts']['leak_alarms']} leak alarms")
            return registered
        self.client.set_registered_model_alias(self.name, CHAMPION, str(registered.number))
        self._tag(registered.number, "champion_since", dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
        return self.find(CHAMPION)

    def _create(self, model: dict[str, Any], folder: Path, run_id: str, data_digest: str) -> None:
        if not self.client.search_registered_models(f"name = '{self.name}'"):
            self.client.create_registered_model(self.name, description=f"{self.kind}: see model_card in the files")
        facts = model["facts"]
        tags = {"model_version": model["version"], "model_digest": digest_model(folder), "data_digest": data_digest}
        tags |= {"as_of": facts.get("as_of") or "undated"}
        tags |= {f"cut_off.{name}": day for name, day in (facts.get("cut_offs") or {}).items()}
        metrics = facts.get("metrics", {})
        tags |= {name: _short(metrics[name]) for name in _SHOWN if metrics.get(name) is not None}
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
    """Write the MLmodel file that shows the inputs in the MLflow UI; it cannot load the model."""
    facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    kinds = {"number": DataType.double, "text": DataType.string}
    columns: list[Any] = [ColSpec(kinds[kind], name, required=False) for name, kind in facts["inputs"].items()]
    outputs = {"churn": "churn_probability", "value": "expected_value"}
    output = ColSpec(DataType.double, outputs.get(facts["kind"], facts["kind"]))
    signature = ModelSignature(Schema(columns), Schema([output]))
    model = Model(artifact_path=MODEL_FOLDER, run_id=run_id, signature=signature if columns else None)
    model.add_flavor("workbench", kind=facts["kind"], version=facts["version"], applied_by="workbench score")
    model.save(str(folder / "MLmodel"))


def _path(source: str) -> Path:
    parts = urlsplit(source)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(source)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
