"""Read the tag registry: ``params/tags/*.yaml``, one file per group, and the pack of the profile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.tags.definition import Tag
from workbench.core.tags.items import GROUPS, ITEMS
from workbench.core.tags.pack import Pack
from workbench.core.yaml_lines import MarkedYaml, read_yaml

if TYPE_CHECKING:
    from workbench.core.section import Section
    from workbench.core.workspace import Workspace

__all__ = ["TagRegistry", "load_registry", "tag_files"]

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,59}$")
_FILE_KEYS = ("defaults", "tags")
_DEFAULTS = (
    "owner",
    "cadence",
    "ttl_days",
    "on_null",
    "purpose",
    "consent",
    "version",
    "status",
    "sensitivity",
    "kind",
)


@dataclass(frozen=True)
class TagRegistry:
    """The tags of a profile, in the order of their groups, and their pack.

    Attributes
    ----------
    tags : dict of str to Tag
    pack : Pack
    value_names : mapping of str to mapping
        Names of values not declared in a file, such as segments: tag to value to language to name.
    """

    tags: Mapping[str, Tag]
    pack: Pack
    value_names: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    def called(self, tag: str, value: str) -> dict[str, str]:
        """Return the name of a value by language: from the tag, else from the run, else the value itself."""
        declared = self.tags[tag].values.get(value) if tag in self.tags else None
        if declared:
            return {"en": declared.en, "zh": declared.zh}
        return dict(self.value_names.get(tag, {}).get(value, {"en": value, "zh": value}))

    def computed(self) -> list[Tag]:
        """Return the tags that runs compute: published and deprecated ones."""
        return [tag for tag in self.tags.values() if tag.computed]

    def of_item(self, item: str) -> list[Tag]:
        """Return the tags of a portrait item."""
        return [tag for tag in self.tags.values() if tag.item == item]

    def find(self, name: str) -> Tag:
        """Return a tag by its id.

        Raises
        ------
        ProfileError
            When the tag does not exist; the most similar name is suggested.
        """
        if name not in self.tags:
            raise ProfileError(Fault("", f"unknown tag '{name}'", "", did_you_mean(name, self.tags)))
        return self.tags[name]


def tag_files(workspace: Workspace, pack: str) -> list[Path]:
    """Return the files of a registry: the groups and the pack."""
    return [*sorted((workspace.params / "tags").glob("*.yaml")), workspace.params / "packs" / f"{pack}.yaml"]


def load_registry(
    workspace: Workspace, *, pack: str = "retail", thresholds: Mapping[str, float] | None = None
) -> TagRegistry:
    """Read every tag and the pack; report all errors together.

    Parameters
    ----------
    workspace : Workspace
        Contains ``params/tags/<group>.yaml`` and ``params/packs/<pack>.yaml``.
    pack : str
        Name of the industry pack; its tags replace those of the registry with the same id.
    thresholds : mapping of str to float, optional
        ``<tag>.<threshold>`` to its number; overrides the pack.

    Raises
    ------
    ProfileError
        When a tag has no owner, definition or item, values do not cover all customers, two tags have the same name, or
        a key, group, threshold or pack is unknown.
    """
    folder = workspace.params / "packs"
    path = folder / f"{pack}.yaml"
    if not _NAME.match(pack) or not path.is_file():
        names = sorted(file.stem for file in folder.glob("*.yaml"))
        raise ProfileError(Fault(f"params/packs/{pack}.yaml", f"no pack {pack!r}", "", did_you_mean(pack, names)))
    reader = _RegistryReader(workspace)
    for group_path in sorted((workspace.params / "tags").glob("*.yaml")):
        reader.read_group(group_path)
    industry_pack = reader.read_pack(path)
    reader.check_items()
    reader.apply(industry_pack.thresholds if industry_pack else {}, f"params/packs/{pack}.yaml, thresholds")
    reader.apply(thresholds or {}, "12_tag_customers.thresholds")
    retired = set(industry_pack.retired) if industry_pack else set()
    tags = {name: reader.build(name) for name in reader.raw if name not in retired}
    if reader.faults or industry_pack is None:
        raise ProfileError(reader.faults)
    return TagRegistry({name: tag for name, tag in tags.items() if tag is not None}, industry_pack)


class _RegistryReader:
    """Collects the entries of all files, then builds the tags; collects errors."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        self.raw: dict[str, dict[str, Any]] = {}
        self.places: dict[str, str] = {}
        self.faults: list[Fault] = []

    def read_group(self, path: Path) -> None:
        label = self.workspace.relative(path)
        marked = read_yaml(path, label)
        if path.stem not in GROUPS:
            self.faults.append(Fault(label, f"unknown group '{path.stem}'", "", did_you_mean(path.stem, GROUPS)))
        for key in set(marked.content) - set(_FILE_KEYS):
            self._fault(marked, label, (key,), f"unknown key '{key}'", did_you_mean(key, _FILE_KEYS))
        defaults = marked.content.get("defaults") or {}
        for key in set(defaults) - set(_DEFAULTS):
            self._fault(marked, label, ("defaults", key), f"unknown default '{key}'", did_you_mean(key, _DEFAULTS))
        for name, entry in (marked.content.get("tags") or {}).items():
            place = f"{label}, line {marked.line(('tags', name))}"
            if name in self.raw:
                remedy = "Rename one of them"
                self.faults.append(Fault(place, f"two tags named '{name}', first at {self.places[name]}", "", remedy))
                continue
            self._add(name, {**defaults, **(entry or {})}, place)
            self._check_group(name, path.stem)

    def read_pack(self, path: Path) -> Pack | None:
        label = self.workspace.relative(path)
        marked = read_yaml(path, label)
        pack = self._model(Pack, marked.content, lambda trail: f"{label}, line {marked.line(trail)}")
        if pack is None:
            return None
        for name, entry in pack.tags.items():
            self._add(name, {**self.raw.get(name, {}), **entry}, f"{label}, line {marked.line(('tags', name))}")
        for name in pack.retired:
            if name not in self.raw:
                self._fault(marked, label, ("retired",), f"unknown tag '{name}'", did_you_mean(name, self.raw))
        return pack

    def apply(self, thresholds: Mapping[str, float], where: str) -> None:
        """Override declared thresholds."""
        for key, number in thresholds.items():
            name, _, threshold = key.partition(".")
            declared = self.raw.get(name, {}).get("thresholds") or {}
            if threshold not in declared:
                keys = [f"{tag}.{item}" for tag, entry in self.raw.items() for item in entry.get("thresholds") or {}]
                self.faults.append(Fault(where, f"unknown threshold '{key}'", "", did_you_mean(key, keys)))
                continue
            self.raw[name] = {**self.raw[name], "thresholds": {**declared, threshold: number}}

    def build(self, name: str) -> Tag | None:
        entry = self.raw[name]
        if entry.get("item") not in ITEMS:
            return None
        thresholds = {key: float(number) for key, number in (entry.get("thresholds") or {}).items()}
        content = {"id": name, **entry, "thresholds": thresholds}
        return self._model(Tag, content, lambda _trail: f"{self.places[name]}, tag {name}")

    def check_items(self) -> None:
        """Check that every tag names a known item."""
        for name, entry in self.raw.items():
            item = entry.get("item")
            if item not in ITEMS:
                found = f"tag {name}: unknown item '{item}'" if item else f"tag {name} names no item"
                self.faults.append(Fault(self.places[name], found, "", did_you_mean(str(item), ITEMS)))

    def _add(self, name: str, entry: dict[str, Any], place: str) -> None:
        if not _NAME.match(name):
            self.faults.append(Fault(place, f"tag name {name!r}", "Lower-case letters, digits and _"))
        self.raw[name] = entry
        self.places[name] = place

    def _check_group(self, name: str, group: str) -> None:
        item = ITEMS.get(self.raw[name].get("item", ""))
        if item is not None and group in GROUPS and item.group != group:
            found = f"tag {name} describes {item.id}, of the group {item.group}"
            self.faults.append(Fault(self.places[name], found, "", f"Move it to params/tags/{item.group}.yaml"))

    def _model(self, model: type[Section], content: Mapping[str, Any], place: Any) -> Any:
        try:
            return model.model_validate(content)
        except ValidationError as error:
            self.faults += [_explain(details, place, model) for details in error.errors()]
            return None

    def _fault(self, marked: MarkedYaml, label: str, trail: tuple, found: str, remedy: str) -> None:
        self.faults.append(Fault(f"{label}, line {marked.line(trail)}", found, "", remedy))


def _explain(error: Mapping[str, Any], place: Any, model: type[Section]) -> Fault:
    trail = tuple(error["loc"])
    name = ".".join(str(part) for part in trail)
    if error["type"] == "missing":
        return Fault(place(trail), f"no {name}", "", f"Add {name}")
    if error["type"] == "extra_forbidden":
        keys: Iterable[str] = model.model_fields if len(trail) == 1 else ()
        return Fault(place(trail), f"unknown key '{name}'", "", did_you_mean(str(trail[-1]), keys) if keys else "")
    message = error["msg"].removeprefix("Value error, ")
    subject = f"{name} is {error['input']!r}: " if name and not isinstance(error["input"], (dict, list)) else ""
    return Fault(place(trail), f"{subject}{message}")
