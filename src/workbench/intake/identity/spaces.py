"""Id spaces: the source whose customer ids another source uses; id 17 in two spaces may be two people."""

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
        The declared ``people`` (the source itself if its ids occur in no source of customers); a source of customers
        uses its own ids; other sources use the only source of customers. Without a source of customers all sources
        share the ids of the first.
    """
    source = sources[name]
    if source.people:
        return source.people
    if source.table == _PEOPLE:
        return name
    people = _people(sources)
    return people[0] if people else next(iter(sources))


def check_spaces(sources: Mapping[str, SourceParams]) -> dict[str, Fault]:
    """Return source to the fault of its declared id space.

    Returns
    -------
    dict of str to Fault
        ``people`` is neither a source of customers nor the source itself, or it is missing although there are several
        sources of customers.
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
