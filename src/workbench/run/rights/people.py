"""Who is meant by an id, a name, a phone or a mail: the records of a person in every profile of the workspace."""

from __future__ import annotations

import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
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
from workbench.intake.privacy.tombstones import make_mark
from workbench.intake.reading.places import present_files
from workbench.intake.tables.raw_rows import read_people_now
from workbench.run.rights.profiles import profiles_of
from workbench.run.services.stores import store_of

if TYPE_CHECKING:
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = [
    "Person", "ProfilePeople", "comparable_name", "comparable_values", "find_people",
    "read_profile_people",
]  # fmt: skip

_KEYED = (*CONTACT_COLUMNS, "member_number", "birth_date")
_COLUMNS = ("source", "source_id", "customer_id", *_KEYED)
_SAME_KEY = b"equal values of one workspace"
_NEAREST = 2000


@dataclass(frozen=True)
class ProfilePeople:
    """The people of one profile.

    Attributes
    ----------
    profile : Profile
    store : Store
    records : DataFrame
        source, source_id, customer_id (as in the tables of today), and contact columns as text; one row per record.
    resolved : bool
        Whether 02 resolves identities: an id then means a record of its source of people.
    paths : dict of str to tuple of str
        By source of people, the files that it reads: two profiles over one file mean the same people.
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
    def marks(self) -> pd.DataFrame:
        """Comparable contact values: row (of the records), kind, mark, and the comparable name."""
        rows = []
        for at, person in enumerate(self.records.to_dict("records")):
            name = comparable_name(person)
            for kind, parts in comparable_values(person):
                mark = make_mark(_SAME_KEY, kind, *parts)
                if mark:
                    rows.append((at, kind, mark, name))
        return pd.DataFrame(rows, columns=["row", "kind", "mark", "name"])


@dataclass(frozen=True)
class Person:
    """One person: their records in every profile.

    Attributes
    ----------
    requested : str
        As the request named them.
    records : dict of str to DataFrame
        By profile, the rows of `ProfilePeople.records`.
    doubtful : int
        Records with their phone or mail under another name, which are not taken for theirs.
    """

    requested: str
    records: dict[str, pd.DataFrame]
    doubtful: int = 0

    def customer_ids(self, profile: str) -> list[str]:
        """Return their customer ids in a profile."""
        return sorted(set(self.records[profile]["customer_id"])) if profile in self.records else []


def read_profile_people(workspace: Workspace, profile: Profile) -> ProfilePeople:
    """Read the people of a profile as they are now: from their files, or from the vault where these are gone."""
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
        people = gather_people(hide_people_ids(tables, profile.sources, find_key(workspace)))
        if people is None:
            return pd.DataFrame(columns=list(_COLUMNS))
        columns = [name for name in ("source", "source_id", *_KEYED) if name in people.columns]
        return to_pandas(people.select(*columns))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _from_tables(store: Store, *, resolved: bool) -> pd.DataFrame:
    """Return the ids of the tables, also of those without a record of people."""
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
    """Give every record its customer id of today, and keep the row with contact data of each."""
    if resolved and "identities" in store.present():
        known = to_pandas(store.read("identities").select("source", "source_id", one="customer_id"))
        records = records.merge(known, on=["source", "source_id"], how="left")
        records["customer_id"] = records.pop("one").fillna(records["customer_id"])
    records["customer_id"] = records["customer_id"].fillna(records["source_id"])
    filled = records[list(_KEYED)].notna().any(axis=1)
    named = set(zip(records.loc[filled, "customer_id"], records.loc[filled, "source_id"], strict=True))
    bare = [key not in named for key in zip(records["customer_id"], records["source_id"], strict=True)]
    return records[filled | pd.Series(bare, index=records.index)]


def comparable_name(person: dict[str, Any]) -> str:
    """Return a name as it is compared: its words sorted, without blanks and case."""
    name = person.get("name") or " ".join(filter(None, (person.get("surname"), person.get("given_name"))))
    return "".join(sorted(unicodedata.normalize("NFKC", str(name)).casefold().split()))


def comparable_values(person: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the contact values of a record that may be those of a mark, by kind."""
    name = str(person.get("name") or " ".join(filter(None, (person.get("surname"), person.get("given_name")))))
    born = str(person.get("birth_date") or "")[:10]
    kinds = (("phone", "phone"), ("email", "email"), ("document", "document_id"))
    values: list[tuple[str, tuple[str, ...]]] = [
        (kind, (str(person[column]),)) for kind, column in kinds if person.get(column)
    ]
    return [*values, ("birth", (name, born))] if name and born else values


def find_people(
    workspace: Workspace, profile: str, requested: Iterable[str]
) -> tuple[list[Person], list[ProfilePeople]]:
    """Find the people whom ids name, and their records in every profile of the workspace.

    Parameters
    ----------
    workspace : Workspace
    profile : str
        Where the ids are looked up: a customer id, an id of a source, or with the vault's key a name, phone or mail.
    requested : iterable of str

    Returns
    -------
    (list of Person, list of ProfilePeople)
        In the order of the request; the people of every profile with data, this one first.

    Raises
    ------
    DataError
        An id that means nobody, or a name that several people have; all together.
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


def _named(people: ProfilePeople, value: str, *, keyed: bool) -> tuple[pd.DataFrame, Fault | None]:
    records = people.records
    by_customer = records[records["customer_id"] == value]
    if len(by_customer):
        return by_customer, None
    by_record = records[records["source_id"] == value]
    if keyed and by_record.empty:
        marks = {make_mark(_SAME_KEY, kind, value) for kind in ("phone", "email", "document")} - {""}
        rows = people.marks.loc[people.marks["mark"].isin(marks), "row"].tolist()
        name = comparable_name({"name": value})
        rows += [at for at, person in enumerate(records.to_dict("records")) if name and comparable_name(person) == name]
        by_record = records.iloc[sorted(set(rows))]
    customers = sorted(set(by_record["customer_id"]))
    if len(customers) > 1:
        found = f"'{value}' names {len(customers)} customers: {', '.join(customers[:5])}"
        return records, Fault(f"profile {people.name}", found, "One person", "Name one of these ids")
    if customers:
        return records[records["customer_id"] == customers[0]], None
    ids = records["customer_id"].head(_NEAREST).tolist() + records["source_id"].head(_NEAREST).tolist()
    hint = "" if keyed else "; names, phones and mails are looked up with the vault's key alone"
    expected = f"A customer id or an id of a source{hint}"
    return records, Fault(f"profile {people.name}", f"'{value}' is no customer", expected, nearest(value, ids))


def _everywhere(value: str, rows: pd.DataFrame, every: Sequence[ProfilePeople]) -> Person:
    """Find the records of one person in every profile, until no further ones are found."""
    found: dict[str, set[int]] = {every[0].name: set(rows.index)}
    doubtful = 0
    while True:
        count = sum(map(len, found.values()))
        keys, names, places = _keys(found, every)
        doubtful = 0
        for people in every:
            own = found.setdefault(people.name, set())
            own |= _same_file(people, places)
            matched, doubts = _same_contacts(people, keys, names, certain=people is not every[0])
            own |= matched
            customers = set(people.records.loc[sorted(own), "customer_id"])
            own |= set(people.records.index[people.records["customer_id"].isin(customers)])
            doubtful += len(doubts - own)
        if sum(map(len, found.values())) == count:
            break
    records = {people.name: people.records.loc[sorted(found[people.name])] for people in every if found[people.name]}
    return Person(value, records, doubtful)


def _keys(
    found: dict[str, set[int]], every: Sequence[ProfilePeople]
) -> tuple[set[tuple[str, str]], set[str], set[tuple[str, str]]]:
    """Return contact marks, names, and (file, id) of the records found so far."""
    keys: set[tuple[str, str]] = set()
    names: set[str] = set()
    places: set[tuple[str, str]] = set()
    for people in every:
        rows = found.get(people.name, set())
        if not rows:
            continue
        marks = people.marks[people.marks["row"].isin(rows)]
        keys |= set(zip(marks["kind"], marks["mark"], strict=True))
        for person in people.records.loc[sorted(rows)].to_dict("records"):
            names.add(comparable_name(person))
            sources = [person["source"]] if person["source"] else list(people.paths)
            places |= {(path, person["source_id"]) for source in sources for path in people.paths.get(source, ())}
    return keys, names - {""}, places


def _same_file(people: ProfilePeople, places: set[tuple[str, str]]) -> set[int]:
    wanted: dict[str, set[str]] = {}
    for path, value in places:
        wanted.setdefault(path, set()).add(value)
    rows: set[int] = set()
    for source, paths in people.paths.items():
        ids = set().union(*(wanted.get(path, set()) for path in paths)) if paths else set()
        if ids:
            same = people.records["source_id"].isin(ids) & people.records["source"].isin([source, ""])
            rows |= set(people.records.index[same])
    return rows


def _same_contacts(
    people: ProfilePeople, keys: set[tuple[str, str]], names: set[str], *, certain: bool
) -> tuple[set[int], set[int]]:
    """Return the records with the same document, or name and birth date, or phone or mail under the same name.

    In the profile that was asked 02 has decided who is one person: there only its own links count.
    """
    marks = people.marks
    same = marks[[key in keys for key in zip(marks["kind"], marks["mark"], strict=True)]]
    strong = same["kind"].isin(["document", "birth"])
    named = same["name"].isin(names) | (same["name"] == "")
    rows = set(same.loc[strong | named, "row"]) if certain or not people.resolved else set()
    return rows, set(same["row"]) - rows
