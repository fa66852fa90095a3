"""Rules that select the rows of erased people in a raw file, and cells of other rows that name them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.intake.casting.ids import normalise_key

__all__ = ["RowRules", "RowVerdict", "judge_cells"]


@dataclass(frozen=True)
class RowRules:
    """The id columns of a file as one source reads it.

    Attributes
    ----------
    own : tuple of int or str
        Positions (from 1) or keys of the columns with the id of the person whom a row is about.
    others : tuple of int or str
        Positions or keys of the columns with ids of other people: referrer, relation.
    ids : frozenset of str
        The ids of the erased people in this source.
    spaces : tuple of (int or str)
        Position or key of the column that names the source of the id; empty if all ids are from one source.
    ids_by_space : dict of str to frozenset of str
        The ids of the erased people by that source.
    """

    own: tuple[int | str, ...] = ()
    others: tuple[int | str, ...] = ()
    ids: frozenset[str] = frozenset()
    spaces: tuple[int | str, ...] = ()
    ids_by_space: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class RowVerdict:
    """The action for a row: remove it, or blank some of its cells."""

    remove: bool = False
    blank: tuple[int | str, ...] = ()


def judge_cells(cells: Mapping[int | str, object] | Sequence[object], rules: Sequence[RowRules]) -> RowVerdict:
    """Decide whether a row belongs to an erased person, and which of its cells name one.

    Parameters
    ----------
    cells : sequence or mapping
        The fields of the row by position, or its values by key.
    rules : sequence of RowRules
    """
    blank: list[int | str] = []
    for rule in rules:
        ids = rule.ids
        if rule.spaces:
            ids = rule.ids_by_space.get(_text(_at(cells, rule.spaces[0])), frozenset())
        if any(_is_one_of(_at(cells, place), ids) for place in rule.own):
            return RowVerdict(remove=True)
        blank += [place for place in rule.others if _is_one_of(_at(cells, place), rule.ids)]
    return RowVerdict(blank=tuple(dict.fromkeys(blank)))


def _at(cells: Mapping[int | str, object] | Sequence[object], place: int | str) -> object:
    if isinstance(cells, Mapping):
        return cells.get(place)
    return cells[int(place) - 1] if int(place) <= len(cells) else None


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


_POINT_ZERO = re.compile(r"\.0+$")


def _is_one_of(value: object, ids: frozenset[str]) -> bool:
    """Compare an id as the reader does: without blanks, Unicode-normalised, without a spreadsheet's ``.0``."""
    if value is None or not ids:
        return False
    text = str(value)
    if text in ids:
        return True
    plain = text.strip() if text.isascii() else normalise_key(text) or ""
    return plain in ids or _POINT_ZERO.sub("", plain) in ids
