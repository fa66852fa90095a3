"""Doubts that `workbench new` wrote into a profile, as comment lines above the key they refer to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from workbench.core.schema import CANONICAL

__all__ = ["Doubt", "read_doubts"]

_DOUBT = re.compile(r"^\s*#\s*(?:DOUBT:|存疑：)\s*(?P<text>.+?)\s*$")
_KEY = re.compile(r"^(?P<indent>\s*)(?P<key>[\w.-]+|\"[^\"]+\"):")
_SERIOUS_KINDS, _SERIOUS_COLUMNS = ("id", "money"), ("status", "currency")
_SERIOUS_KEYS = ("encoding", "currency", "rules")


@dataclass(frozen=True)
class Doubt:
    """A doubt of a profile.

    Attributes
    ----------
    line : int
        Line of the file, from 1.
    key : str
        The key below the comment; empty at the end of the file.
    text : str
    serious : bool
        Whether the doubt concerns an id, money, a currency, an encoding or a status.
    """

    line: int
    key: str
    text: str
    serious: bool


def read_doubts(path: Path) -> list[Doubt]:
    """Read the doubts of a profile, in the order of the file.

    Parameters
    ----------
    path : Path
        ``params/<profile>.yaml``.
    """
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    doubts = []
    parents: list[tuple[int, str]] = []  # parent keys of the current line, with their indentation
    waiting: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        match = _DOUBT.match(line)
        if match:
            waiting.append((number, match["text"]))
            continue
        key = None if line.lstrip().startswith("#") else _KEY.match(line)
        if key is None:
            continue
        indent, name = len(key["indent"]), key["key"].strip('"')
        parents = [entry for entry in parents if entry[0] < indent]
        serious = _is_serious(name, [entry[1] for entry in parents])
        doubts += [Doubt(at, name, text, serious) for at, text in waiting]
        parents.append((indent, name))
        waiting = []
    return doubts + [Doubt(at, "", text, serious=False) for at, text in waiting]


def _is_serious(name: str, parents: list[str]) -> bool:
    if parents[-1:] == ["columns"]:
        kinds = {kind for table in CANONICAL.values() if (kind := table.kind(name))}
        return bool(kinds & set(_SERIOUS_KINDS)) or name in _SERIOUS_COLUMNS
    return name in _SERIOUS_KEYS
