"""What a run does first: complete unfinished erasures, and let nobody back whom a restored backup brought."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from workbench.intake.privacy.tombstone_file import (
    read_tombstones,
    sync_tombstones,
    tombstones_path,
)
from workbench.run.rights.traces.journal import open_journals

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.rights.people import ProfilePeople

__all__ = ["respect_erasures"]


def respect_erasures(workspace: Workspace) -> list[str]:
    """Complete erasures that were cut short, and repeat those that a restored backup has undone.

    Parameters
    ----------
    workspace : Workspace
        Its lock is held.

    Returns
    -------
    list of str
        What was done, a line each.
    """
    lines = []
    if open_journals(workspace):
        from workbench.run.rights.erasing.erasure import complete_erasures  # noqa: PLC0415  (only where one was cut short)

        for erasure in complete_erasures(workspace):
            lines.append(f"completed an erasure of {erasure.facts['customers']} people that was cut short")
    if sync_tombstones(workspace):
        count = _erase_returned(workspace)
        if count:
            lines.append(f"erased {count} people again, who were back from a backup")
    if tombstones_path(workspace).is_file() and (unchecked := read_tombstones(workspace, "").unchecked):
        lines.append(f"{unchecked} marks of erased people were made with a vault key that is not given: "
                     "their ids are left out, their phones and mails are not compared")  # fmt: skip
    return lines


def _erase_returned(workspace: Workspace) -> int:
    """Erase everybody again whom the tombstones mark; return how many there were. The lock is held."""
    from workbench.run.rights.erasing.erasure import erase_people  # noqa: PLC0415
    from workbench.run.rights.people import Person, read_profile_people  # noqa: PLC0415
    from workbench.run.rights.profiles import profiles_of  # noqa: PLC0415

    profiles, _ = profiles_of(workspace)
    every = [read_profile_people(workspace, profile) for profile in profiles]
    people = [
        Person(customer, {own.name: own.records[own.records["customer_id"] == customer]})
        for own in every for customer in _returned(workspace, own)
    ]  # fmt: skip
    if people:
        erase_people(workspace, next(iter(people[0].records)), people, every, today=dt.date.today())
    return len(people)


def _returned(workspace: Workspace, people: ProfilePeople) -> list[str]:
    """Return the customers of a profile with a marked record."""
    tombstones = read_tombstones(workspace, people.name)
    customers = set()
    for row, values in zip(people.records.itertuples(), people.values, strict=True):
        sources = [row.source] if row.source else list(people.paths)
        marked = any(tombstones.holds("record", people.name, source, str(row.source_id)) for source in sources)
        if marked or any(tombstones.holds(kind, *value.split("\x1f")) for kind, value in values):
            customers.add(row.customer_id)
    return sorted(customers)
