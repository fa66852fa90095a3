"""The registry of segment definitions: every definition a version, the one in use the champion.

The registered model ``segments-<profile>`` holds no model file: a version is the JSON of a definition, with the run
that made it, who promoted it, when and why. Nothing of it is executed; a definition whose content does not match the
version it states is refused.
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
        as_of, verdict, k and further evidence; promoted_by, promoted_at, promoted_because where it was promoted,
        restored_by, restored_at, restored_because where a roll-back returned to it.
    source : str
        Where its JSON lies.
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
        """Return every version, the newest first."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        aliases = self._aliases()
        read = [
            RegisteredDefinition(
                number=int(each.version),
                version=each.tags.get("definition_version", ""),
                aliases=tuple(alias for alias in ALIASES if aliases.get(alias) == int(each.version)),
                tags=dict(each.tags),
                source=each.source,
            )
            for each in found
        ]
        return sorted(read, key=lambda each: -each.number)

    def find(self, which: str) -> RegisteredDefinition:
        """Return a version by its number, an alias, or the first letters of its definition's version.

        Raises
        ------
        ProfileError
            There is none, or several begin so.
        """
        versions = self.versions()
        if not versions:
            remedy = f"Run 06_segment_customers first: workbench run {self.profile} --to 06_segment_customers"
            raise ProfileError(Fault(self.name, "no definition is registered", "", remedy))
        exact = [each for each in versions if which in (str(each.number), *each.aliases)]
        near = [each for each in versions if len(which) >= 4 and each.version.startswith(which)]
        if len(exact or near) == 1:
            return (exact or near)[0]
        if which in ALIASES:
            newest = versions[0].number
            remedy = f"The newest is {newest}: name it, or workbench segments promote {self.profile} {newest} --why ..."
            raise ProfileError(Fault(self.name, f"no version is the {which} yet", "", remedy))
        known = [*ALIASES, *(str(each.number) for each in versions), *(each.version for each in versions)]
        found = f"several versions begin with '{which}'" if near else f"no version '{which}'"
        raise ProfileError(Fault(self.name, found, "", did_you_mean(which, known)))

    def champion(self) -> RegisteredDefinition | None:
        """Return the definition in use, or None where none was promoted."""
        return next((each for each in self.versions() if "champion" in each.aliases), None)

    def definition(self, registered: RegisteredDefinition) -> SegmentDefinition:
        """Read a version's definition and hold it against its digest.

        Raises
        ------
        DataError
            Its file is gone, or was changed after it was registered.
        """
        from workbench.analysis.segments.definition import SegmentDefinition  # noqa: PLC0415

        path = _path(registered.source) / DEFINITION_FILE
        where = f"{self.name} version {registered.number}"
        if not path.is_file():
            raise DataError(Fault(where, f"{DEFINITION_FILE} is gone", "", "Restore mlruns/artifacts from a copy"))
        definition = SegmentDefinition.from_json(path.read_text(encoding="utf-8"))
        if definition.version != registered.version:
            found = f"the file holds definition {definition.version}, registered was {registered.version}"
            raise DataError(Fault(where, found, "The definition that was registered", "Restore mlruns/artifacts"))
        return definition

    # writing -----------------------------------------------------------------------------------

    def register(self, definition: Mapping[str, Any], *, run_id: str) -> RegisteredDefinition:
        """Register the definition a tracked run holds as artifact; one that is registered already is left as it is.

        Parameters
        ----------
        definition : mapping
            The JSON of the definition.
        run_id : str
            Tracked id of the run whose artifacts hold it.
        """
        known = {each.version: each for each in self.versions()}
        if definition["version"] in known:
            return known[definition["version"]]
        if not self._exists():
            words = {"en": "Segment definitions as data; no model file", "zh": "分群定义（数据形式，无模型文件）"}
            self.client.create_registered_model(self.name, description=" · ".join(words.values()))
        source = self.client.get_run(run_id).info.artifact_uri
        evidence = definition.get("evidence", {})
        tags = {"definition_version": definition["version"], "as_of": definition["as_of"]}
        tags |= {"verdict": definition["verdict"], "method": definition["method"]}
        tags |= {key: _short(evidence[key]) for key in _SHOWN if evidence.get(key) is not None}
        names = [each["name"] for each in definition["segments"]]
        words = "\n".join(f"- {name['en']} · {name['zh']}" for name in names)
        self.client.create_model_version(self.name, source, run_id=run_id, tags=tags, description=words)
        return next(each for each in self.versions() if each.version == definition["version"])

    def promote(self, which: str, *, who: str, why: str) -> RegisteredDefinition:
        """Make a version the champion; who, when and why stand in its tags, the one before is remembered.

        Raises
        ------
        ProfileError
            No such version, it is the champion already, or no reason is given.
        DataError
            Its definition cannot be read, or was changed.
        """
        chosen = self.find(which)
        if not why.strip():
            raise ProfileError(Fault("--why", "no reason is given", "Why this definition shall be used"))
        if "champion" in chosen.aliases:
            raise ProfileError(Fault(self.name, f"version {chosen.number} is the champion already"))
        self.definition(chosen)
        self._crown(chosen.number, self.history(), who=who, why=why)
        if "challenger" in chosen.aliases:
            self.client.delete_registered_model_alias(self.name, "challenger")
        return self.find(str(chosen.number))

    def rollback(self, *, who: str, why: str) -> RegisteredDefinition:
        """Make the champion before this one the champion again.

        Raises
        ------
        ProfileError
            There is no earlier champion.
        """
        history = self.history()
        reigns = _reigns(history)
        if len(reigns) < 2:
            raise ProfileError(Fault(self.name, "no earlier champion", "", "Promote a version: segments promote"))
        earlier = reigns[-2]
        self.definition(self.find(str(earlier)))
        self._crown(earlier, history, who=who, why=why, back=True)
        return self.find(str(earlier))

    def propose(self, registered: RegisteredDefinition, *, why: str) -> None:
        """Make a version the challenger, unless it is the champion."""
        if "champion" in registered.aliases:
            return
        self.client.set_registered_model_alias(self.name, "challenger", str(registered.number))
        self.client.set_model_version_tag(self.name, str(registered.number), "proposed_because", why)

    def export_champion(self, path: Path) -> None:
        """Write the champion where kernels, which know no MLflow, read it; remove the file where there is none."""
        champion = self.champion()
        if champion is None:
            path.unlink(missing_ok=True)
            return
        definition = json.loads(self.definition(champion).to_json())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"number": champion.number, "definition": definition})

    def history(self) -> list[dict[str, Any]]:
        """Return who made which version the champion, when and why, the oldest first; ``back`` where rolled back."""
        if not self._exists():
            return []
        return json.loads(self.client.get_registered_model(self.name).tags.get("champions", "[]"))

    # how it is kept ----------------------------------------------------------------------------

    def _crown(self, number: int, history: list[dict[str, Any]], *, who: str, why: str, back: bool = False) -> None:
        moment = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        entry = {"number": number, "who": who, "when": moment, "why": why} | ({"back": True} if back else {})
        done = "restored" if back else "promoted"
        for key, value in ((f"{done}_by", who), (f"{done}_at", moment), (f"{done}_because", why)):
            self.client.set_model_version_tag(self.name, str(number), key, value)
        self.client.set_registered_model_alias(self.name, "champion", str(number))
        # one tag, however long the history: the last hundred
        self.client.set_registered_model_tag(self.name, "champions", json.dumps([*history, entry][-100:]))

    def _exists(self) -> bool:
        return bool(self.client.search_registered_models(f"name = '{self.name}'"))

    def _aliases(self) -> dict[str, int]:
        try:
            found = self.client.get_registered_model(self.name).aliases
        except MlflowException:  # not registered yet
            return {}
        return {alias: int(number) for alias, number in found.items()}


def _reigns(history: list[dict[str, Any]]) -> list[int]:
    """Return the versions a roll-back can still return to, the present champion last."""
    reigns: list[int] = []
    for each in history:
        if each.get("back"):
            del reigns[-1:]
        else:
            reigns.append(each["number"])
    return reigns


def _path(source: str) -> Path:
    parts = urlsplit(source)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(source)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
