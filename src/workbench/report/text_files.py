"""Read the text files: sentences and labels of each stage, Chinese texts of its notebook, shared texts.

``report/texts/NN_verb_object.yaml`` belongs to a stage and has the sections of ``SECTIONS``; ``labels.yaml`` holds the
labels that stages share, every other file the texts they share. An entry is ``key: {en: ..., zh: ...}``; keys are
unique over all files. All values are read as strings: a label may be the word ``no``, a digest all digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from workbench.core.errors import Fault, WorkbenchError, did_you_mean, listed
from workbench.report.numbers import LANGUAGES, VALUE_KINDS

__all__ = ["NAME_KINDS", "TOKEN", "CellText", "TextFiles", "read_text_files", "text_files"]

LABELS_FILE = "labels.yaml"
NAME_KINDS = ("label", "labels")
TOKEN = re.compile(
    r"\{(?P<name>\w+)(?::(?P<kind>\w+))?\}|\{(?P<counted>\w+)\|(?P<one>[^{}|]*)\|(?P<other>[^{}|]*)\}"
    r"|\*\*|\(\(|\)\)|`"
)
TEXT_SECTIONS = ("sentences", "charts", "tables")  # one namespace; the sections are for readability
SECTIONS = ("stage", "how_to_read", *TEXT_SECTIONS, "labels", "notebook")
_STAGE_FILE = re.compile(r"(\d\d_\w+)\.yaml")
_KINDS = (*VALUE_KINDS, *NAME_KINDS)
_LANGUAGES = frozenset(LANGUAGES)
_CELL = frozenset({"of", "zh"})

Entry = dict[str, str]  # text by language


@dataclass(frozen=True)
class CellText:
    """The Chinese of a markdown cell.

    Attributes
    ----------
    of : str
        Digest of the English cell it translates.
    zh : str
        The Chinese, markdown.
    """

    of: str
    zh: str


@dataclass
class TextFiles:
    """The contents of the text files.

    Attributes
    ----------
    texts, labels : dict
        Entries by key and by name.
    notebooks : dict
        Chinese notebook cells: stage to cell id to :class:`CellText`.
    stages : dict
        File name by stage.
    """

    texts: dict[str, Entry] = field(default_factory=dict)
    labels: dict[str, Entry] = field(default_factory=dict)
    notebooks: dict[str, dict[str, CellText]] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)


@cache
def text_files() -> TextFiles:
    """Read the text files of the package once."""
    folder = resources.files("workbench.report") / "texts"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".yaml")), key=lambda path: path.name)
    return read_text_files((path.name, path.read_text(encoding="utf-8")) for path in paths)


def read_text_files(files: Iterable[tuple[str, str]]) -> TextFiles:
    """Read files of texts.

    Parameters
    ----------
    files : iterable of (str, str)
        Name and content of each file.

    Returns
    -------
    TextFiles

    Raises
    ------
    WorkbenchError
        All errors together: a repeated key, a missing language, an unknown section or kind of value.
    """
    reader = _Reader()
    for name, content in files:
        reader.read(name, content)
    if reader.faults:
        raise WorkbenchError(reader.faults)
    return reader.files


class _Reader:
    """Collects the entries of the files and their faults."""

    def __init__(self) -> None:
        self.files = TextFiles()
        self.faults: list[Fault] = []
        self._home: dict[tuple[int, str], str] = {}

    def read(self, name: str, content: str) -> None:
        root = _root(content)
        stage = _STAGE_FILE.fullmatch(name)
        if root is not None and not isinstance(root, yaml.MappingNode):
            self.faults.append(Fault(name, "is not a mapping", "Expected key: {en: ..., zh: ...}"))
        elif stage:
            self._stage(name, stage[1], root)
        else:
            self._entries(name, root, self.files.labels if name == LABELS_FILE else self.files.texts)

    def _stage(self, name: str, stage: str, root: yaml.Node | None) -> None:
        sections = self._sections(name, root)
        self.files.stages[stage] = name
        if "stage" in sections:
            self._entry(name, "stage", stage, sections["stage"], self.files.labels)
        if "how_to_read" in sections:
            self._entry(name, "how_to_read", f"how_to_read_{stage}", sections["how_to_read"], self.files.texts)
        for section in TEXT_SECTIONS:
            self._entries(f"{name}, {section}", sections.get(section), self.files.texts)
        self._entries(f"{name}, labels", sections.get("labels"), self.files.labels)
        self.files.notebooks[stage] = dict(self._cells(f"{name}, notebook", sections.get("notebook")))

    def _sections(self, name: str, root: yaml.Node | None) -> dict[str, yaml.Node]:
        sections: dict[str, yaml.Node] = {}
        for key, node in _pairs(root):
            if key not in SECTIONS:
                self.faults.append(Fault(name, f"unknown section {key!r}", did_you_mean(key, SECTIONS)))
            elif key in sections:
                self.faults.append(Fault(name, f"section {key!r} appears twice", "Sections are unique"))
            elif not isinstance(node, yaml.MappingNode):
                self.faults.append(Fault(name, f"section {key!r} is not a mapping", "Expected key: {en: ..., zh: ...}"))
            else:
                sections[key] = node
        if "stage" not in sections:
            self.faults.append(Fault(name, "no section 'stage'", "Expected the name of the stage: {en: ..., zh: ...}"))
        return sections

    def _entries(self, where: str, node: yaml.Node | None, entries: dict[str, Entry]) -> None:
        for key, value in _pairs(node):
            self._entry(where, f"key {key!r}", key, value, entries)

    def _entry(self, where: str, called: str, key: str, node: yaml.Node, entries: dict[str, Entry]) -> None:
        value = _plain(node)
        home = self._home.setdefault((id(entries), key), where)
        if key in entries:
            twice = "appears twice" if home == where else f"also appears in {home}"
            self.faults.append(Fault(where, f"{called} {twice}", "Keys are unique over all files"))
        if not isinstance(value, dict) or value.keys() != _LANGUAGES:
            gives = listed(sorted(value)) if isinstance(value, dict) else repr(value)
            self.faults.append(Fault(where, f"{called} gives {gives}", f"Expected {listed(LANGUAGES)}"))
            return
        entries[key] = {language: text.strip() for language, text in value.items()}
        self.faults += _kind_faults(where, key, entries[key])

    def _cells(self, where: str, node: yaml.Node | None) -> Iterator[tuple[str, CellText]]:
        read: set[str] = set()
        for cell, cell_node in _pairs(node):
            value = _plain(cell_node)
            if cell in read:
                self.faults.append(Fault(where, f"cell {cell!r} appears twice", "Cell ids are unique in a notebook"))
            if not isinstance(value, dict) or value.keys() != _CELL:
                gives = listed(sorted(value)) if isinstance(value, dict) else repr(value)
                self.faults.append(Fault(where, f"cell {cell!r} gives {gives}", f"Expected {listed(sorted(_CELL))}"))
                continue
            read.add(cell)
            yield cell, CellText(**value)


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _AsWritten(_Loader):
    """Reads every scalar as a string; guessing numbers and dates would take time."""

    def resolve(self, kind: type, value: object, implicit: object) -> str:
        return ""


def _root(content: str) -> yaml.Node | None:
    loader = _AsWritten(content)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """Yield the key-value pairs of a mapping, including duplicate keys."""
    for key, value in node.value if node is not None else ():
        yield str(key.value), value


def _plain(node: yaml.Node) -> Entry | object:
    """Return a mapping of scalars as written, anything else as its text."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): str(value.value) for key, value in node.value}
    return node.value


def _kind_faults(where: str, key: str, entry: Mapping[str, str]) -> Iterator[Fault]:
    for language, template in entry.items():
        for token in TOKEN.finditer(template) if "{" in template else ():
            kind = token["kind"]
            if kind and kind not in _KINDS:
                yield Fault(f"{where}, {key}, {language}", f"unknown kind {kind!r}", did_you_mean(kind, _KINDS))
