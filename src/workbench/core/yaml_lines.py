"""Read YAML safely, with the line of every key; report all errors together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from workbench.core.errors import Fault, ProfileError

__all__ = ["MarkedYaml", "read_value", "read_yaml"]

_MOST_BYTES = 1_000_000
_MOST_NODES = 20_000
_MOST_DEPTH = 20
_PLAIN = "Plain text, numbers, dates, lists and mappings"
_INTEGER, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_OTHER_BASE = re.compile(
    r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-9.]+)+)"
)  # octal or base 60 in YAML 1.1, such as 0100 or 1:30; read as text
_PLAIN_TAGS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class MarkedYaml:
    """A YAML document: its content, and the line number (from 1) of every key path.

    Attributes
    ----------
    content : dict
    lines : dict of tuple to int
    """

    content: dict[str, Any]
    lines: dict[tuple, int] = field(default_factory=dict)

    def line(self, path: tuple) -> int:
        """Return the line of a key path, or of its nearest parent path."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(path: Path, label: str) -> MarkedYaml:
    """Read one YAML mapping.

    Parameters
    ----------
    path : Path
    label : str
        The file's name in errors.

    Raises
    ------
    ProfileError
        When the file is not UTF-8 or not YAML, is not a mapping, is too large or too deeply nested, or has a tag that
        builds objects or duplicate keys; each error with its line.
    """
    raw = path.read_bytes()
    if len(raw) > _MOST_BYTES:
        raise ProfileError(Fault(label, f"{len(raw):,} bytes", f"At most {_MOST_BYTES:,} bytes of YAML"))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProfileError(Fault(label, f"not UTF-8 at byte {error.start}", "", "Save the file as UTF-8")) from None
    try:
        _check_depth(text, label)
        node = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise ProfileError(_yaml_fault(error, text, label)) from None
    if not isinstance(node, yaml.MappingNode):
        raise ProfileError(Fault(label, "no 'key: value' lines", "A profile is a YAML mapping"))
    reader = _Reader(label)
    content = reader.mapping(node, ())
    if reader.faults:
        raise ProfileError(reader.faults)
    return MarkedYaml(content, reader.lines)


def read_value(text: str, label: str) -> Any:
    """Read one YAML value, such as that of ``--set KEY=VALUE``.

    Raises
    ------
    ProfileError
        When the text is not YAML, has a tag that builds objects, or is too deeply nested.
    """
    try:
        _check_depth(text, label)
        node = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise ProfileError(_yaml_fault(error, text, label)) from None
    reader = _Reader(label)
    value = None if node is None else reader.value(node, ())
    if reader.faults:
        raise ProfileError(reader.faults)
    return value


def _check_depth(text: str, label: str) -> None:
    """Reject deep nesting while parsing, before building the document would exhaust the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MOST_DEPTH:
                raise ProfileError(_too_much(label, _line_of(event.start_mark)))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _line_of(mark: Any) -> int:
    """Return the line (from 1) of a mark; PyYAML's loaders always set one."""
    return mark.line + 1


def _too_much(label: str, line: int) -> Fault:
    problem = "more nested or repeated values than a profile needs"
    return Fault(f"{label}, line {line}", problem, "", "Write the values out, without anchors")


class _Reader:
    """Walks the node tree once: builds plain values, records lines and errors."""

    def __init__(self, label: str):
        self.label = label
        self.faults: list[Fault] = []
        self.lines: dict[tuple, int] = {}
        self.nodes = 0
        self.scalars = Loader("")

    def mapping(self, node: yaml.MappingNode, path: tuple) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = _line_of(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault(line, "a key that is a list or a mapping", "A key is plain text")
                continue
            key = self.value(key_node, path)
            if not isinstance(key, str):
                key = str(key_node.value)
            if key in content:
                first = self.lines[(*path, key)]
                problem = f"duplicate key '{key}', first on line {first}"
                self.fault(line, problem, "Each key once", "Remove one of them")
                continue
            self.lines[(*path, key)] = line
            content[key] = self.value(value_node, (*path, key))
        return content

    def value(self, node: yaml.Node, path: tuple) -> Any:
        self.nodes += 1
        if self.nodes > _MOST_NODES or len(path) > _MOST_DEPTH:
            raise ProfileError(_too_much(self.label, _line_of(node.start_mark)))
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
            self.fault(_line_of(node.start_mark), f"the tag '{node.tag}'", _PLAIN)
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.item(child, (*path, position)) for position, child in enumerate(node.value)]
        if node.tag in (_INTEGER, _FLOAT) and _OTHER_BASE.fullmatch(node.value):
            return node.value
        try:
            return self.scalars.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            problem = getattr(error, "problem", None) or str(error)
            self.fault(_line_of(node.start_mark), problem, _PLAIN)
            return None

    def item(self, node: yaml.Node, path: tuple) -> Any:
        self.lines[path] = _line_of(node.start_mark)
        return self.value(node, path)

    def fault(self, line: int, problem: str, expected: str = "", remedy: str = "") -> None:
        self.faults.append(Fault(f"{self.label}, line {line}", problem, expected, remedy))


def _yaml_fault(error: yaml.YAMLError, text: str, label: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    where = f"{label}, line {mark.line + 1}" if mark else label
    problem = getattr(error, "problem", None) or str(error)
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return Fault(where, "a tab", "YAML is indented with spaces", "Replace the tab by spaces")
    return Fault(where, f"not YAML: {problem}")
