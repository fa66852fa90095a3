"""Find a person by id, name, phone or mail: their records in every profile of the workspace."""

from __future__ import annotations

import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.core.errors import DataError, Fault, nearest
from workbench.core.params.profile import Profile, load_profile
from workbench.core.schema import CANONICAL, CONTACT_COLUMNS
from workbench.core.store.tables import to_pandas
from workbench.intake.identity.people import gather_people
from workbench.intake.identity.vault import Vault, find_key
from workbench.intake.privacy.contact_ids import hide_people_ids
from workbench.intake.privacy.pseudonym_keys import contact_ids_key
from workbench.intake.privacy.tombstones import normal_value
from workbench.intake.reading.places import present_files
from workbench.intake.tables.raw_rows import read_people_now
from workbench.run.rights.profiles import profiles_of
from workbench.run.services.stores import store_of

if TYPE_CHECKING:
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = [
    "Person", "ProfilePeople", "comparable_values", "find_people",
    "read_profile_people",
]  # fmt: skip

_KEYED = (*CONTACT_COLUMNS, "member_number", "birth_date")
_COLUMNS = ("source", "source_id", "customer_id", *_KEYED)
_NAMES = ("name", "given_name", "surname")
_KINDS = (("phone", "phone"), ("email", "email"), ("document", "document_id"))
_COMPARED = (*_NAMES, "phone", "email", "document_id", "birth_date")
_NEAREST = 2000


@dataclass(frozen=True)
class ProfilePeople:
    """The people of one profile.

    Attributes
    ----------
    profile : Profile
    store : Store
    records : DataFrame
        source, source_id, customer_id (as in the current tables), and contact columns as text; one row per record.
    resolved : bool
        Whether 02 resolves identities; ids then belong to a source of people.
    paths : dict of str to tuple of str
        Source of people to its files; profiles that read the same file have the same people.
    """

    profile: Profile
    store: Store
    records: pd.DataFrame
    resolved: bool
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the profile."""
        return self.profile.name

    @cached_property
    def by_customer(self) -> dict[str, list[int]]:
        """Row positions in ``records`` by customer id."""
        return _places_by(self.records["customer_id"])

    @cached_property
    def by_source_id(self) -> dict[str, list[int]]:
        """Row positions in ``records`` by source id."""
        return _places_by(self.records["source_id"])

    @cached_property
    def names(self) -> list[str]:
        """The normalised name of every record; empty if it has none."""
        columns = [self.records[name].tolist() for name in _NAMES]
        return [_comparable_name(*parts) for parts in zip(*columns, strict=True)]

    @cached_property
    def values(self) -> list[list[tuple[str, str]]]:
        """The normalised contact values of every record: kind and value."""
        columns = [self.records[name].tolist() for name in _COMPARED]
        return [comparable_values(dict(zip(_COMPARED, parts, strict=True))) for parts in zip(*columns, strict=True)]

    @cached_property
    def by_value(self) -> dict[tuple[str, str], list[int]]:
        """Row positions in ``records`` by normalised contact value."""
        places: dict[tuple[str, str], list[int]] = {}
        for at, values in enumerate(self.values):
            for value in values:
                places.setdefault(value, []).append(at)
        return places


def _places_by(column: pd.Series) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for at, value in enumerate(column.tolist()):
        places.setdefault(value, []).append(at)
    return places


@dataclass(frozen=True)
class Person:
    """One person: their records in every profile.

    Attributes
    ----------
    requested : str
        The person as named in the request.
    records : dict of str to DataFrame
        By profile, the rows of `ProfilePeople.records`.
    doubtful : int
        Number of records with their phone or mail under another name, which are not counted as theirs.
    """

    requested: str
    records: dict[str, pd.DataFrame]
    doubtful: int = 0

    def customer_ids(self, profile: str) -> list[str]:
        """Return their customer ids in a profile."""
        return sorted(set(self.records[profile]["customer_id"])) if profile in self.records else []


def read_profile_people(workspace: Workspace, profile: Profile) -> ProfilePeople:
    """Read the current people of a profile from its files, or from the vault if the files are gone."""
    store = store_of(workspace, profile)
    resolved = any(profile.stage(name).takes == "people" for name in profile.stages)
    sources = {name: source for name, source in profile.sources.items() if source.table == "customers"}
    paths = {
        name: tuple(path.resolve().as_posix() for path in present_files(source, workspace.root))
        for name, source in profile.sources.items()
    }
    present = [name for name in sources if paths[name]]
    frames = []
    if present:
        frames.append(_from_files(workspace, profile, store, present))
    vault = Vault.of(workspace, profile.name)
    missing = [name for name in sources if name not in present]
    if vault.can_be_read() and (missing or not present):
        kept = vault.read().to_pandas()
        frames.append(kept[~kept["source"].isin(present)])
    frames.append(_from_tables(store, resolved=resolved))
    parts = [frame.reindex(columns=list(_COLUMNS)) for frame in frames if len(frame)]
    records = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(_COLUMNS))
    records = records.astype("object").where(records.notna(), None)
    records["source"] = records["source"].fillna("")
    records = _with_today(records, store, resolved=resolved)
    records = records.drop_duplicates().reset_index(drop=True)
    return ProfilePeople(profile, store, records, resolved, paths)


def _from_files(workspace: Workspace, profile: Profile, store: Store, names: Sequence[str]) -> pd.DataFrame:
    interim = workspace.interim(profile.name)
    interim.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".subjects-", dir=interim))
    try:
        tables = {
            name: read_people_now(store.engine, profile.sources[name], root=workspace.root, scratch=scratch / name)
            for name in names
        }
        people = gather_people(hide_people_ids(tables, profile.sources, contact_ids_key(workspace)))
        if people is None:
            return pd.DataFrame(columns=list(_COLUMNS))
        columns = [name for name in ("source", "source_id", *_KEYED) if name in people.columns]
        return to_pandas(people.select(*columns))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _from_tables(store: Store, *, resolved: bool) -> pd.DataFrame:
    """Return the ids in the tables, including ids without a record of people."""
    present = store.present()
    if resolved and "identities" in present:
        return to_pandas(store.read("identities").select("source", "source_id", "customer_id"))
    parts = []
    for name in (*CANONICAL, "features"):
        if name in present and "customer_id" in store.read(name).columns:
            parts.append(store.read(name).select("customer_id").filter(ibis._.customer_id.notnull()).distinct())
    if not parts:
        return pd.DataFrame(columns=["source", "source_id", "customer_id"])
    ids = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0]
    frame = to_pandas(ids)
    return frame.assign(source="", source_id=frame["customer_id"])


def _with_today(records: pd.DataFrame, store: Store, *, resolved: bool) -> pd.DataFrame:
    """Add the current customer id to every record, and keep one row per record, with contact data if available."""
    if resolved and "identities" in store.present():
        identities = to_pandas(store.read("identities").select("source", "source_id", one="customer_id"))
        records = records.merge(identities, on=["source", "source_id"], how="left")
        records["customer_id"] = records.pop("one").fillna(records["customer_id"])
    records["customer_id"] = records["customer_id"].fillna(records["source_id"])
    filled = records[list(_KEYED)].notna().any(axis=1)
    named = set(zip(records.loc[filled, "customer_id"], records.loc[filled, "source_id"], strict=True))
    bare = [key not in named for key in zip(records["customer_id"], records["source_id"], strict=True)]
    return records[filled | pd.Series(bare, index=records.index)]


def _comparable_name(name: Any, given: Any, surname: Any) -> str:
    """Return a normalised name for comparison: words sorted, without blanks and case."""
    text = name or " ".join(filter(None, (surname, given)))
    return "".join(sorted(unicodedata.normalize("NFKC", str(text)).casefold().split())) if text else ""


def comparable_values(person: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the normalised contact values of a record as (kind, value)."""
    name = person.get("name") or " ".join(filter(None, (person.get("surname"), person.get("given_name"))))
    born = str(person.get("birth_date") or "")[:10]
    values = [(kind, normal_value(kind, str(person[column]))) for kind, column in _KINDS if person.get(column)]
    if name and born:
        values.append(("birth", normal_value("birth", str(name), born)))
    return [(kind, value) for kind, value in values if value]


def find_people(
    workspace: Workspace, profile: str, requested: Iterable[str]
) -> tuple[list[Person], list[ProfilePeople]]:
    """Find people by id, name, phone or mail, and their records in every profile of the workspace.

    Parameters
    ----------
    workspace : Workspace
    profile : str
        The profile in which to look up a customer id, a source id or, with the vault's key, a name, phone or mail.
    requested : iterable of str

    Returns
    -------
    (list of Person, list of ProfilePeople)
        The people in the order of the request; the people of every profile with data, the named profile first.

    Raises
    ------
    DataError
        An id matches nobody, or a name matches several people; all faults together.
    """
    own = load_profile(workspace, profile)
    others, _ = profiles_of(workspace)
    every = [read_profile_people(workspace, own)]
    every += [read_profile_people(workspace, other) for other in others if other.name != profile]
    keyed = find_key(workspace) is not None
    people, faults = [], []
    for value in requested:
        rows, fault = _named(every[0], value, keyed=keyed)
        if fault is not None:
            faults.append(fault)
        else:
            people.append(_everywhere(value, rows, every))
    if faults:
        raise DataError(faults)
    return people, every


def _named(people: ProfilePeople, value: str, *, keyed: bool) -> tuple[list[int], Fault | None]:
    """Return the row positions of the one customer that an id, a name, a phone or a mail matches."""
    if value in people.by_customer:
        return people.by_customer[value], None
    places = people.by_source_id.get(value, [])
    if keyed and not places:
        keys = [(kind, normal_value(kind, value)) for kind, _ in _KINDS]
        places = [at for key in keys for at in people.by_value.get(key, [])]
        name = _comparable_name(value, None, None)
        places += [at for at, other in enumerate(people.names) if name and other == name]
    customers = sorted(set(people.records["customer_id"].iloc[places]))
    if len(customers) > 1:
        problem = f"'{value}' names {len(customers)} customers: {', '.join(customers[:5])}"
        return [], Fault(f"profile {people.name}", problem, "One person", "Name one of these ids")
    if customers:
        return people.by_customer[customers[0]], None
    ids = [*people.records["customer_id"].head(_NEAREST), *people.records["source_id"].head(_NEAREST)]
    hint = "" if keyed else "; names, phones and mails are looked up with the vault's key alone"
    expected = f"A customer id or an id of a source{hint}"
    return [], Fault(f"profile {people.name}", f"'{value}' is no customer", expected, nearest(value, ids))


def _everywhere(value: str, places: Sequence[int], every: Sequence[ProfilePeople]) -> Person:
    """Find the records of one person in every profile; repeat until no more are found."""
    reached: dict[str, set[int]] = {people.name: set() for people in every}
    reached[every[0].name] |= set(places)
    while True:
        count = sum(map(len, reached.values()))
        keys, names, rows_of_files = _keys(reached, every)
        doubtful = 0
        for people in every:
            indices = reached[people.name]
            indices |= _same_file(people, rows_of_files)
            matched, doubts = _same_contacts(people, keys, names, certain=people is not every[0])
            indices |= matched
            customers = set(people.records["customer_id"].iloc[sorted(indices)])
            indices |= {at for customer in customers for at in people.by_customer[customer]}
            doubtful += len(doubts - indices)
        if sum(map(len, reached.values())) == count:
            break
    records = {
        people.name: people.records.iloc[sorted(reached[people.name])] for people in every if reached[people.name]
    }
    return Person(value, records, doubtful)


def _keys(
    reached: Mapping[str, set[int]], every: Sequence[ProfilePeople]
) -> tuple[set[tuple[str, str]], set[str], dict[str, set[str]]]:
    """Return contact values, names, and ids by file of the records found so far."""
    keys: set[tuple[str, str]] = set()
    names: set[str] = set()
    files: dict[str, set[str]] = {}
    for people in every:
        for at in reached[people.name]:
            keys.update(people.values[at])
            names.add(people.names[at])
            source, source_id = people.records["source"].iat[at], people.records["source_id"].iat[at]
            for name in [source] if source else list(people.paths):
                for path in people.paths.get(name, ()):
                    files.setdefault(path, set()).add(source_id)
    return keys, names - {""}, files


def _same_file(people: ProfilePeople, files: Mapping[str, set[str]]) -> set[int]:
    places: set[int] = set()
    for source, paths in people.paths.items():
        for path in paths:
            for source_id in files.get(path, ()):
                places |= {
                    at
                    for at in people.by_source_id.get(source_id, ())
                    if people.records["source"].iat[at] in (source, "")
                }
    return places


def _same_contacts(
    people: ProfilePeople, keys: set[tuple[str, str]], names: set[str], *, certain: bool
) -> tuple[set[int], set[int]]:
    """Return the records with the same document, or name and birth date, or phone or mail under the same name.

    In the requested profile only the links of 02 count, if it resolves identities.
    """
    matched: set[int] = set()
    doubts: set[int] = set()
    for key in keys:
        for at in people.by_value.get(key, ()):
            same = key[0] in ("document", "birth") or people.names[at] in ("", *names)
            (matched if same and (certain or not people.resolved) else doubts).add(at)
    return matched, doubts - matched
