"""The first step of a run: complete unfinished erasures and erase people whom a restored backup brought back."""

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
    """Complete interrupted erasures, and repeat those that a restored backup has undone.

    Parameters
    ----------
    workspace : Workspace
        Its lock is held.

    Returns
    -------
    list of str
        One line per action taken.
    """
    lines = []
    if open_journals(workspace):
        from workbench.run.rights.erasing.erasure import complete_erasures  # noqa: PLC0415  (only after an interruption)

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
    """Erase people in the data who have a tombstone; return their number. Call it under the lock."""
    from workbench.run.rights.erasing.erasure import erase_people  # noqa: PLC0415
    from workbench.run.rights.people import Person, read_profile_people  # noqa: PLC0415
    from workbench.run.rights.profiles import profiles_of  # noqa: PLC0415

    profiles, _ = profiles_of(workspace)
    every = [read_profile_people(workspace, profile) for profile in profiles]
    people = [
        Person(customer, {profile.name: profile.records[profile.records["customer_id"] == customer]})
        for profile in every for customer in _returned(workspace, profile)
    ]  # fmt: skip
    if people:
        erase_people(workspace, next(iter(people[0].records)), people, every, today=dt.date.today())
    return len(people)


def _returned(workspace: Workspace, people: ProfilePeople) -> list[str]:
    """Return the customers of a profile with a tombstoned record."""
    tombstones = read_tombstones(workspace, people.name)
    customers = set()
    for row, values in zip(people.records.itertuples(), people.values, strict=True):
        sources = [row.source] if row.source else list(people.paths)
        marked = any(tombstones.holds("record", people.name, source, str(row.source_id)) for source in sources)
        if marked or any(tombstones.holds(kind, *value.split("\x1f")) for kind, value in values):
            customers.add(row.customer_id)
    return sorted(customers)
