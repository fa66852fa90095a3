"""Which column of a file holds ids of another file: it repeats values that are unique there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.intake.guessing.headers.parts import parts_in
from workbench.intake.guessing.kinds.fitting import is_code

if TYPE_CHECKING:
    from workbench.intake.guessing.samples import Sample
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["Link", "find_links"]

_LEAST_VALUES, _SHARED, _MOST_COLUMNS = 3, 0.5, 40
_ID_PARTS = frozenset({"id", "nick", "card", "mail", "phone"})
_THINGS = frozenset({"customer", "order", "product", "account", "person", "store", "line", "owner"})


@dataclass(frozen=True)
class Link:
    """A column whose values are ids of another file.

    Attributes
    ----------
    file, at : int
        The file and the position of the column that refers.
    to_file, to_at : int
        The column whose values are unique.
    share : float
        Share of the different values that are known there.
    """

    file: int
    at: int
    to_file: int
    to_at: int
    share: float


def find_links(samples: list[Sample], facts: list[list[Facts]]) -> list[Link]:
    """Find the columns that refer to a column of another file with unique values, the largest share first.

    Parameters
    ----------
    samples : list of Sample
        Of one call; tables without a header name nothing and are left out.
    facts : list of list of Facts
    """
    values = {
        (file, at): {cell for cell in cells if cell}
        for file, sample in enumerate(samples)
        if sample.header
        for at, cells in enumerate(sample.columns[:_MOST_COLUMNS])
        if _may_refer(sample.names[at], facts[file][at])
    }
    keys = {place: own for place, own in values.items() if facts[place[0]][place[1]].unique}
    links = []
    for (file, at), own in values.items():
        for (to_file, to_at), known in keys.items():
            if file == to_file or len(own) < _LEAST_VALUES:
                continue
            if not _same_thing(samples[file].names[at], samples[to_file].names[to_at]):
                continue
            share = len(own & known) / len(own)
            if share >= _SHARED:
                links.append(Link(file, at, to_file, to_at, share))
    return sorted(links, key=lambda link: (-link.share, link.file, link.at))


def _may_refer(name: str, facts: Facts) -> bool:
    """Tell whether a column may hold ids: numbers only where the name says so, other codes anyway."""
    if not is_code(facts) or facts.distinct < _LEAST_VALUES or facts.fits("flag"):
        return False
    parts = parts_in(name)
    if facts.is_number and not parts & (_ID_PARTS | {"customer", "order", "product", "account"}):
        return False
    return "owner" not in parts and not (
        facts.is_number and parts & {"quantity", "amount", "age"} and "id" not in parts
    )


def _same_thing(name: str, other: str) -> bool:
    """Tell whether two names may speak of one thing: neither names a thing the other does not."""
    own, their = parts_in(name) & _THINGS, parts_in(other) & _THINGS
    people = {"customer", "person", "account"}
    if own & people and their & people:
        return True
    return not own or not their or bool(own & their) or _is_mail(name) == _is_mail(other) is True


def _is_mail(name: str) -> bool:
    return "mail" in parts_in(name)
