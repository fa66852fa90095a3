"""Reading the registry: ``params/tags/*.yaml``, one file per group, and the pack a profile names."""

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
    """The tags of a profile, in the order of their groups, and the pack that shaped them.

    Attributes
    ----------
    tags : dict of str to Tag
    pack : Pack
    value_names : mapping of str to mapping
        What values are called that no file declares, such as segments: tag to value to language to name.
    """

    tags: Mapping[str, Tag]
    pack: Pack
    value_names: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    def called(self, tag: str, value: str) -> dict[str, str]:
        """Return what a value is called by language: as its tag declares it, else as the run named it, else itself."""
        declared = self.tags[tag].values.get(value) if tag in self.tags else None
        if declared:
            return {"en": declared.en, "zh": declared.zh}
        return dict(self.value_names.get(tag, {}).get(value, {"en": value, "zh": value}))

    def computed(self) -> list[Tag]:
        """Return the tags a run computes: those published or deprecated."""
        return [tag for tag in self.tags.values() if tag.computed]

    def of_item(self, item: str) -> list[Tag]:
        """Return the tags that stand for an item of a portrait."""
        return [tag for tag in self.tags.values() if tag.item == item]

    def find(self, name: str) -> Tag:
        """Return a tag by its id.

        Raises
        ------
        ProfileError
            No such tag; the nearest name is offered.
        """
        if name not in self.tags:
            raise ProfileError(Fault("", f"unknown tag '{name}'", "", did_you_mean(name, self.tags)))
        return self.tags[name]


def tag_files(workspace: Workspace, pack: str) -> list[Path]:
    """Return the files a registry is read from: the groups, and the pack."""
    return [*sorted((workspace.params / "tags").glob("*.yaml")), workspace.params / "packs" / f"{pack}.yaml"]


def load_registry(
    workspace: Workspace, *, pack: str = "retail", thresholds: Mapping[str, float] | None = None
) -> TagRegistry:
    """Read every tag and the pack; all errors together.

    Parameters
    ----------
    workspace : Workspace
        Holds ``params/tags/<group>.yaml`` and ``params/packs/<pack>.yaml``.
    pack : str
        Its tags stand in the place of those of the registry with the same id.
    thresholds : mapping of str to float, optional
        ``<tag>.<threshold>`` to its number; goes before the pack's.

    Raises
    ------
    ProfileError
        A tag without owner, definition or item; values that do not cover; two tags of one name; an unknown key, group,
        threshold or pack.
    """
    folder = workspace.params / "packs"
    path = folder / f"{pack}.yaml"
    if not _NAME.match(pack) or not path.is_file():
        known = sorted(each.stem for each in folder.glob("*.yaml"))
        raise ProfileError(Fault(f"params/packs/{pack}.yaml", f"no pack {pack!r}", "", did_you_mean(pack, known)))
    reader = _RegistryReader(workspace)
    for each in sorted((workspace.params / "tags").glob("*.yaml")):
        reader.read_group(each)
    chosen = reader.read_pack(path)
    reader.check_items()
    reader.apply(chosen.thresholds if chosen else {}, f"params/packs/{pack}.yaml, thresholds")
    reader.apply(thresholds or {}, "12_tag_customers.thresholds")
    retired = set(chosen.retired) if chosen else set()
    tags = {name: reader.build(name) for name in reader.raw if name not in retired}
    if reader.faults:
        raise ProfileError(reader.faults)
    return TagRegistry({name: tag for name, tag in tags.items() if tag is not None}, chosen)


class _RegistryReader:
    """Gather what the files say of each tag, then build the tags, collecting faults."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        self.raw: dict[str, dict[str, Any]] = {}
        self.places: dict[str, str] = {}
        self.faults: list[Fault] = []

    def read_group(self, path: Path) -> None:
        shown = self.workspace.relative(path)
        marked = read_yaml(path, shown)
        if path.stem not in GROUPS:
            self.faults.append(Fault(shown, f"unknown group '{path.stem}'", "", did_you_mean(path.stem, GROUPS)))
        for key in set(marked.content) - set(_FILE_KEYS):
            self._fault(marked, shown, (key,), f"unknown key '{key}'", did_you_mean(key, _FILE_KEYS))
        defaults = marked.content.get("defaults") or {}
        for key in set(defaults) - set(_DEFAULTS):
            self._fault(marked, shown, ("defaults", key), f"unknown default '{key}'", did_you_mean(key, _DEFAULTS))
        for name, said in (marked.content.get("tags") or {}).items():
            place = f"{shown}, line {marked.line(('tags', name))}"
            if name in self.raw:
                remedy = "Rename one of them"
                self.faults.append(Fault(place, f"two tags named '{name}', first at {self.places[name]}", "", remedy))
                continue
            self._take(name, {**defaults, **(said or {})}, place)
            self._check_group(name, path.stem)

    def read_pack(self, path: Path) -> Pack | None:
        shown = self.workspace.relative(path)
        marked = read_yaml(path, shown)
        pack = self._model(Pack, marked.content, lambda trail: f"{shown}, line {marked.line(trail)}")
        if pack is None:
            return None
        for name, said in pack.tags.items():
            self._take(name, {**self.raw.get(name, {}), **said}, f"{shown}, line {marked.line(('tags', name))}")
        for name in pack.retired:
            if name not in self.raw:
                self._fault(marked, shown, ("retired",), f"unknown tag '{name}'", did_you_mean(name, self.raw))
        return pack

    def apply(self, thresholds: Mapping[str, float], where: str) -> None:
        """Put numbers in the place of declared thresholds."""
        for key, number in thresholds.items():
            name, _, threshold = key.partition(".")
            declared = self.raw.get(name, {}).get("thresholds") or {}
            if threshold not in declared:
                known = [f"{tag}.{each}" for tag, said in self.raw.items() for each in said.get("thresholds") or {}]
                self.faults.append(Fault(where, f"unknown threshold '{key}'", "", did_you_mean(key, known)))
                continue
            self.raw[name] = {**self.raw[name], "thresholds": {**declared, threshold: number}}

    def build(self, name: str) -> Tag | None:
        said = self.raw[name]
        if said.get("item") not in ITEMS:
            return None
        ready = {**said, "thresholds": {key: float(number) for key, number in (said.get("thresholds") or {}).items()}}
        return self._model(Tag, {"id": name, **ready}, lambda _trail: f"{self.places[name]}, tag {name}")

    def check_items(self) -> None:
        """Every tag stands for a known item."""
        for name, said in self.raw.items():
            item = said.get("item")
            if item not in ITEMS:
                found = f"tag {name}: unknown item '{item}'" if item else f"tag {name} names no item"
                self.faults.append(Fault(self.places[name], found, "", did_you_mean(str(item), ITEMS)))

    def _take(self, name: str, said: dict[str, Any], place: str) -> None:
        if not _NAME.match(name):
            self.faults.append(Fault(place, f"tag name {name!r}", "Lower-case letters, digits and _"))
        self.raw[name] = said
        self.places[name] = place

    def _check_group(self, name: str, group: str) -> None:
        item = ITEMS.get(self.raw[name].get("item"))
        if item is not None and group in GROUPS and item.group != group:
            found = f"tag {name} stands for {item.id}, of the group {item.group}"
            self.faults.append(Fault(self.places[name], found, "", f"Put it into params/tags/{item.group}.yaml"))

    def _model(self, model: type, content: Mapping[str, Any], place: Any) -> Any:
        try:
            return model.model_validate(content)
        except ValidationError as error:
            self.faults += [_said(each, place, model) for each in error.errors()]
            return None

    def _fault(self, marked: MarkedYaml, shown: str, trail: tuple, found: str, remedy: str) -> None:
        self.faults.append(Fault(f"{shown}, line {marked.line(trail)}", found, "", remedy))


def _said(error: Mapping[str, Any], place: Any, model: type) -> Fault:
    trail = tuple(error["loc"])
    name = ".".join(str(part) for part in trail)
    if error["type"] == "missing":
        return Fault(place(trail), f"no {name}", "", f"Give {name}")
    if error["type"] == "extra_forbidden":
        known: Iterable[str] = model.model_fields if len(trail) == 1 else ()
        return Fault(place(trail), f"unknown key '{name}'", "", did_you_mean(str(trail[-1]), known) if known else "")
    message = error["msg"].removeprefix("Value error, ")
    shown = f"{name} is {error['input']!r}: " if name and not isinstance(error["input"], (dict, list)) else ""
    return Fault(place(trail), f"{shown}{message}")
