"""Build the traces of people for search, and the tombstones that keep them out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from workbench.core.schema import CONTACT_COLUMNS
from workbench.intake.identity.vault import find_key
from workbench.intake.privacy.tombstone_file import marking_keys
from workbench.intake.privacy.tombstones import make_mark, marks_of, normal_value
from workbench.run.rights.traces.traces import Traces

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.rights.people import Person, ProfilePeople

__all__ = ["marks_of_people", "references_of", "traces_of"]

_TEXTS = (*CONTACT_COLUMNS, "member_number")
_PARTS = ("given_name", "surname", "street_number", "address_2")  # too short and common to search for
_SHORTEST = 2
_LEAST_DIGITS = 7


def traces_of(people: Sequence[Person], every: Sequence[ProfilePeople]) -> Traces:
    """Return the traces of people: ids, words that only they have, and words that others have too."""
    customers, records, words = set(), set(), set()
    for person in people:
        for profile, rows in person.records.items():
            customers |= set(rows["customer_id"])
            records |= {(profile, row.source or "", row.source_id) for row in rows.itertuples() if row.source_id}
            words |= _words(rows)
    rest = _words_of_others(people, every, words)
    return Traces(frozenset(customers), frozenset(records), frozenset(words - rest), frozenset(words & rest))


def _words(rows: pd.DataFrame) -> set[str]:
    columns = [name for name in _TEXTS if name in rows.columns and name not in _PARTS]
    words = {str(value).strip() for name in columns for value in rows[name] if value}
    for row in rows.itertuples():
        surname, given = str(row.surname or "").strip(), str(row.given_name or "").strip()
        if surname and given:
            words |= {f"{given} {surname}", f"{surname} {given}", f"{surname}{given}", f"{surname}, {given}"}
        if row.phone:
            words |= _phone_forms(str(row.phone))
        if row.email:
            words |= {str(row.email).lower()}
    return {word for word in words if len(word) >= _SHORTEST}


def _phone_forms(phone: str) -> set[str]:
    digits = re.sub(r"\D", "", phone).removeprefix("00")
    local = digits[2:] if digits.startswith("86") and len(digits) == 13 else digits  # noqa: PLR2004  (86 and 11 digits)
    forms = {digits, local}
    if len(local) == 11:  # noqa: PLR2004  (a Chinese mobile)
        forms |= {f"{local[:3]}-{local[3:7]}-{local[7:]}", f"{local[:3]} {local[3:7]} {local[7:]}"}
    return {form for form in forms if len(form) >= _LEAST_DIGITS}


def _words_of_others(people: Sequence[Person], every: Sequence[ProfilePeople], words: set[str]) -> set[str]:
    """Return the words that other people have too, in any spelling."""
    shared: set[str] = set()
    for profile in every:
        indices = _places_of(people, profile)
        others = profile.records[~profile.records.index.isin(indices)]
        for column in (name for name in _TEXTS if name in others.columns):
            values = others[column]
            shared |= set(values[values.isin(words)])
        names = {name for at, name in enumerate(profile.names) if name and at not in indices}
        for word in words - shared:
            keys = [(kind, normal_value(kind, word)) for kind in ("phone", "email", "document")]
            same = any(at not in indices for key in keys for at in profile.by_value.get(key, ()))
            if same or normal_value("birth", word, "-").split("\x1f")[0] in names:
                shared.add(word)
    return shared


def _places_of(people: Sequence[Person], profile: ProfilePeople) -> set[int]:
    return {at for person in people if profile.name in person.records for at in person.records[profile.name].index}


def marks_of_people(
    workspace: Workspace, people: Sequence[Person], every: Sequence[ProfilePeople]
) -> dict[str, set[str]]:
    """Return the tombstones of people by key name.

    A phone, mail or document number shared with somebody else gets no tombstone, since it would also keep out that
    person. A source id gets a tombstone for every source that it may belong to.
    """
    keys = marking_keys(workspace, find_key(workspace))
    marks: dict[str, set[str]] = {name: set() for name in keys}
    shared = _shared_marks(people, every, keys)
    spaces = {profile.name: [name for name in profile.paths] for profile in every}
    for person in people:
        for profile, rows in person.records.items():
            for row in rows.to_dict("records"):
                sources = [row["source"]] if row["source"] else spaces[profile]
                for name, key in keys.items():
                    marks[name] |= {make_mark(key, "record", profile, source, row["source_id"]) for source in sources}
                    if name.startswith("vault"):
                        marks[name] |= marks_of(key, row, profile=profile)
    return {name: values - shared - {""} for name, values in marks.items()}


def _shared_marks(people: Sequence[Person], every: Sequence[ProfilePeople], keys: dict[str, bytes]) -> set[str]:
    """Return the contact tombstones that these people share with somebody else."""
    contacts = {value for profile in every for at in _places_of(people, profile) for value in profile.values[at]}
    shared: set[str] = set()
    for profile in every:
        indices = _places_of(people, profile)
        for kind, value in contacts:
            if kind != "birth" and any(at not in indices for at in profile.by_value.get((kind, value), ())):
                shared |= {make_mark(key, kind, value) for key in keys.values()}
    return shared


def references_of(workspace: Workspace, people: Sequence[Person], profile: str) -> list[str]:
    """Return a keyed reference per person for the register and the audit log; without the key it names nobody."""
    keys = marking_keys(workspace, find_key(workspace))
    key = list(keys.values())[-1]
    references = []
    for person in people:
        rows = person.records[profile]
        first = min(rows["source_id"].astype(str))
        references.append(make_mark(key, "record", profile, "subject", first)[:20])
    return references
