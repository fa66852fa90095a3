"""The registry of segment definitions: every definition is a version, and the champion is in use.

The registered model ``segments-<profile>`` has no model file: a version is the JSON of a definition, with the run
that made it, who promoted it, when and why. It contains no code; a definition whose content does not match its version
is refused.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.core.files import write_json

if TYPE_CHECKING:
    from workbench.analysis.segments.definition import SegmentDefinition

__all__ = ["ALIASES", "DEFINITION_FILE", "RegisteredDefinition", "SegmentRegistry"]

ALIASES = ("champion", "challenger")
DEFINITION_FILE = "segment_definition.json"
_SHOWN = ("verdict", "k", "silhouette", "min_jaccard", "split_half_jaccard")


@dataclass(frozen=True)
class RegisteredDefinition:
    """One version of the registered definition.

    Attributes
    ----------
    number : int
        Version in the registry, from 1.
    version : str
        Version of the definition: the digest of its content.
    aliases : tuple of str
        champion, challenger, both or none.
    tags : dict of str
        as_of, verdict, k and further evidence; promoted_by, promoted_at, promoted_because if it was promoted;
        restored_by, restored_at, restored_because if a roll-back returned to it.
    source : str
        URI of the folder with its JSON.
    """

    number: int
    version: str
    aliases: tuple[str, ...]
    tags: dict[str, str]
    source: str


class SegmentRegistry:
    """The definitions of one profile.

    Parameters
    ----------
    client : MlflowClient
    profile : str
    """

    def __init__(self, client: MlflowClient, profile: str):
        self.client = client
        self.name = f"segments-{profile}"
        self.profile = profile

    # reading -----------------------------------------------------------------------------------

    def versions(self) -> list[RegisteredDefinition]:
        """Return every version, newest first."""
        aliases = self._aliases()
        versions = [
            RegisteredDefinition(
                number=int(entry.version),
                version=entry.tags.get("definition_version", ""),
                aliases=tuple(alias for alias in ALIASES if aliases.get(alias) == int(entry.version)),
                tags=dict(entry.tags),
                source=entry.source or "",
            )
            for entry in self.client.search_model_versions(f"name = '{self.name}'")
        ]
        return sorted(versions, key=lambda version: -version.number)

    def find(self, which: str) -> RegisteredDefinition:
        """Return a version by its number, an alias, or the first characters of its definition's version.

        Raises
        ------
        ProfileError
            No version matches, or several do.
        """
        versions = self.versions()
        if not versions:
            remedy = f"Run 06_segment_customers first: workbench run {self.profile} --to 06_segment_customers"
            raise ProfileError(Fault(self.name, "no definition is registered", "", remedy))
        exact = [version for version in versions if which in (str(version.number), *version.aliases)]
        prefixed = [version for version in versions if len(which) >= 4 and version.version.startswith(which)]
        if len(exact or prefixed) == 1:
            return (exact or prefixed)[0]
        if which in ALIASES:
            newest = versions[0].number
            remedy = f"The newest is {newest}: name it, or workbench segments promote {self.profile} {newest} --why ..."
            raise ProfileError(Fault(self.name, f"no version is the {which} yet", "", remedy))
        numbers, digests = [str(version.number) for version in versions], [version.version for version in versions]
        problem = f"several versions start with '{which}'" if prefixed else f"no version '{which}'"
        raise ProfileError(Fault(self.name, problem, "", did_you_mean(which, [*ALIASES, *numbers, *digests])))

    def champion(self) -> RegisteredDefinition | None:
        """Return the definition in use, or None if none was promoted."""
        return next((version for version in self.versions() if "champion" in version.aliases), None)

    def definition(self, registered: RegisteredDefinition) -> SegmentDefinition:
        """Read a version's definition and check its digest.

        Raises
        ------
        DataError
            Its file is missing, or was changed after registration.
        """
        from workbench.analysis.segments.definition import SegmentDefinition  # noqa: PLC0415

        path = _path(registered.source) / DEFINITION_FILE
        where = f"{self.name} version {registered.number}"
        if not path.is_file():
            raise DataError(Fault(where, f"{DEFINITION_FILE} is missing", "", "Restore mlruns/artifacts from a copy"))
        definition = SegmentDefinition.from_json(path.read_text(encoding="utf-8"))
        if definition.version != registered.version:
            problem = f"the file holds definition {definition.version}, registered was {registered.version}"
            raise DataError(Fault(where, problem, "The definition that was registered", "Restore mlruns/artifacts"))
        return definition

    # writing -----------------------------------------------------------------------------------

    def register(self, definition: Mapping[str, Any], *, run_id: str) -> RegisteredDefinition:
        """Register the definition in the artifacts of a tracked run, unless it is registered already.

        Parameters
        ----------
        definition : mapping
            The JSON of the definition.
        run_id : str
            MLflow id of the run whose artifacts hold it.
        """
        registered = {version.version: version for version in self.versions()}
        if definition["version"] in registered:
            return registered[definition["version"]]
        if not self._exists():
            description = "Segment definitions as data; no model file · 分群定义（数据形式，无模型文件）"
            self.client.create_registered_model(self.name, description=description)
        source = self.client.get_run(run_id).info.artifact_uri
        evidence = definition.get("evidence", {})
        tags = {"definition_version": definition["version"], "as_of": definition["as_of"]}
        tags |= {"verdict": definition["verdict"], "method": definition["method"]}
        tags |= {key: _short(evidence[key]) for key in _SHOWN if evidence.get(key) is not None}
        names = [segment["name"] for segment in definition["segments"]]
        description = "\n".join(f"- {name['en']} · {name['zh']}" for name in names)
        self.client.create_model_version(self.name, source, run_id=run_id, tags=tags, description=description)
        return next(version for version in self.versions() if version.version == definition["version"])

    def promote(self, which: str, *, who: str, why: str) -> RegisteredDefinition:
        """Make a version the champion; record who, when and why in its tags and in the history.

        Raises
        ------
        ProfileError
            No such version, it is already the champion, or the reason is empty.
        DataError
            Its definition cannot be read, or was changed.
        """
        chosen = self.find(which)
        if not why.strip():
            raise ProfileError(Fault("--why", "no reason is given", "Why this definition is to be used"))
        if "champion" in chosen.aliases:
            raise ProfileError(Fault(self.name, f"version {chosen.number} is already the champion"))
        self.definition(chosen)
        self._set_champion(chosen.number, self.history(), who=who, why=why)
        if "challenger" in chosen.aliases:
            self.client.delete_registered_model_alias(self.name, "challenger")
        return self.find(str(chosen.number))

    def rollback(self, *, who: str, why: str) -> RegisteredDefinition:
        """Make the previous champion the champion again.

        Raises
        ------
        ProfileError
            There is no earlier champion.
        """
        history = self.history()
        champions = _restorable(history)
        if len(champions) < 2:
            raise ProfileError(Fault(self.name, "no earlier champion", "", "Promote a version: segments promote"))
        earlier = champions[-2]
        self.definition(self.find(str(earlier)))
        self._set_champion(earlier, history, who=who, why=why, back=True)
        return self.find(str(earlier))

    def propose(self, registered: RegisteredDefinition, *, why: str) -> None:
        """Make a version the challenger, unless it is the champion."""
        if "champion" in registered.aliases:
            return
        self.client.set_registered_model_alias(self.name, "challenger", str(registered.number))
        self.client.set_model_version_tag(self.name, str(registered.number), "proposed_because", why)

    def export_champion(self, path: Path) -> None:
        """Write the champion to a file for kernels, which do not use MLflow; remove the file if there is none."""
        champion = self.champion()
        if champion is None:
            path.unlink(missing_ok=True)
            return
        definition = json.loads(self.definition(champion).to_json())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"number": champion.number, "definition": definition})

    def history(self) -> list[dict[str, Any]]:
        """Return who made which version the champion, when and why, oldest first; ``back`` marks a roll-back."""
        if not self._exists():
            return []
        return json.loads(self.client.get_registered_model(self.name).tags.get("champions", "[]"))

    # storage ----------------------------------------------------------------------------

    def _set_champion(
        self, number: int, history: list[dict[str, Any]], *, who: str, why: str, back: bool = False
    ) -> None:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        entry = {"number": number, "who": who, "when": now, "why": why} | ({"back": True} if back else {})
        action = "restored" if back else "promoted"
        for key, value in ((f"{action}_by", who), (f"{action}_at", now), (f"{action}_because", why)):
            self.client.set_model_version_tag(self.name, str(number), key, value)
        self.client.set_registered_model_alias(self.name, "champion", str(number))
        # one tag holds the history, so only its last hundred entries
        self.client.set_registered_model_tag(self.name, "champions", json.dumps([*history, entry][-100:]))

    def _exists(self) -> bool:
        return bool(self.client.search_registered_models(f"name = '{self.name}'"))

    def _aliases(self) -> dict[str, int]:
        try:
            aliases = self.client.get_registered_model(self.name).aliases
        except MlflowException:  # not registered yet
            return {}
        return {alias: int(number) for alias, number in aliases.items()}


def _restorable(history: list[dict[str, Any]]) -> list[int]:
    """Return the champions that were not rolled back, the present one last."""
    champions: list[int] = []
    for entry in history:
        if entry.get("back"):
            del champions[-1:]
        else:
            champions.append(entry["number"])
    return champions


def _path(source: str) -> Path:
    parts = urlsplit(source)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(source)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
