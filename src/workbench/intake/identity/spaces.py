"""Whose customer ids a source uses: customer 17 of two sources may be two people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, did_you_mean, listed

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["check_spaces", "space_of"]

_PEOPLE = "customers"


def space_of(name: str, sources: Mapping[str, SourceParams]) -> str:
    """Return the name of the source whose customer ids a source uses.

    Parameters
    ----------
    name : str
        The source.
    sources : mapping of str to SourceParams
        All sources of the profile.

    Returns
    -------
    str
        Its ``people`` where declared, which may be itself: ids that no source of customers knows; itself for a source
        of customers; else the only source of customers. Without any source of customers all sources share the ids of
        the first.
    """
    source = sources[name]
    if source.people:
        return source.people
    if source.table == _PEOPLE:
        return name
    people = _people(sources)
    return people[0] if people else next(iter(sources))


def check_spaces(sources: Mapping[str, SourceParams]) -> dict[str, Fault]:
    """List, by source, the faults of its declared id space.

    Returns
    -------
    dict of str to Fault
        A ``people`` that is neither a source of customers nor the source itself; no ``people`` where several sources
        of customers could be meant.
    """
    people = _people(sources)
    faults = {}
    for name, source in sources.items():
        if source.people and source.people not in (*people, name):
            remedy = did_you_mean(source.people, people) if people else "Name a source whose table is customers"
            faults[name] = Fault("", f"people is '{source.people}', which is no source of customers", "", remedy)
        elif not source.people and source.table != _PEOPLE and len(people) > 1 and "customer_id" in source.columns:
            problem = f"{name} does not say whose customer ids it uses; sources of customers are {listed(people)}"
            faults[name] = Fault("", problem, f"people: <one of them>, or people: {name} where it has ids of its own")
    return faults


def _people(sources: Mapping[str, SourceParams]) -> list[str]:
    return [name for name, source in sources.items() if source.table == _PEOPLE]
