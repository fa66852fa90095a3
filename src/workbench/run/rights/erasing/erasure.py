"""Erase people from all profiles, files and runs of a workspace; resumable, and verified by a search."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from workbench.core.errors import DataError, Fault, WorkbenchError
from workbench.intake.identity.vault import KEY_VARIABLE, Vault
from workbench.intake.privacy.tombstone_file import add_marks
from workbench.run.artifacts.audit import append_audit, audit_path
from workbench.run.artifacts.publish import sweep_orphans
from workbench.run.rights.cleaning.files import clean_file
from workbench.run.rights.erasing.manifests import refresh_manifests
from workbench.run.rights.erasing.search import Search, search_workspace
from workbench.run.rights.erasing.tracing import marks_of_people, references_of, traces_of
from workbench.run.rights.profiles import profiles_of
from workbench.run.rights.raw.files import clean_raw_file, out_of_reach, raw_uses
from workbench.run.rights.traces.journal import Journal, open_journals
from workbench.run.rights.traces.places import is_vault, workspace_files

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.rights.people import Person, ProfilePeople
    from workbench.run.rights.traces.traces import Traces

__all__ = ["Erasure", "complete_erasures", "erase_people"]

_ALWAYS_OUT = ("backups", "lab_scheduler", "cron_mail")


@dataclass
class Erasure:
    """The result of an erasure.

    Attributes
    ----------
    facts : dict
        id, profile, customers, references, started.
    rewritten : dict of str to int
        File to number of changed rows or places.
    removed : list of str
        Files that could only be removed.
    out_of_reach : dict of str to str
        File or kind of place to the reason why it was not cleaned; its people are filtered out when it is read.
    rows : int
        Rows removed from raw files.
    search : Search or None
        The result of the search after the erasure.
    """

    facts: dict
    rewritten: dict[str, int] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    out_of_reach: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    search: Search | None = None


def erase_people(
    workspace: Workspace, profile: str, people: Sequence[Person], every: Sequence[ProfilePeople], *, today: dt.date
) -> Erasure:
    """Erase people from the whole workspace; call it under its lock.

    Parameters
    ----------
    workspace : Workspace
    profile : str
        The profile named in the request.
    people : sequence of Person
    every : sequence of ProfilePeople
        As `find_people` returned them.
    today : datetime.date

    Raises
    ------
    DataError
        A vault cannot be opened because its key is not set; nothing has been changed.
    """
    _check_vaults(workspace)
    references = references_of(workspace, people, profile)
    add_marks(workspace, marks_of_people(workspace, people, every))
    facts = {"profile": profile, "customers": len(people), "references": references, "started": today.isoformat()}
    return _carry_out(workspace, Journal.begin(workspace, traces_of(people, every), facts))


def complete_erasures(workspace: Workspace) -> list[Erasure]:
    """Complete interrupted erasures; call it under the lock, before anything is read."""
    journals = open_journals(workspace)
    if journals:
        _check_vaults(workspace)
    return [_carry_out(workspace, journal) for journal in journals]


def _check_vaults(workspace: Workspace) -> None:
    closed = [path for path in workspace.root.glob("data/interim/*/vault.parquet")
              if not Vault.of(workspace, path.parent.name).can_be_read()]  # fmt: skip
    if closed:
        remedy = f"Set {KEY_VARIABLE} or {KEY_VARIABLE}_FILE to the key it was written with"
        raise DataError([Fault(workspace.relative(path), "the vault does not open, so nobody can be erased from it",
                               "Its key", remedy) for path in closed])  # fmt: skip


def _carry_out(workspace: Workspace, journal: Journal) -> Erasure:
    """Run all steps; each can be repeated, so a killed erasure is completed by running all of them again."""
    erasure = Erasure(journal.facts, out_of_reach={name: name for name in _ALWAYS_OUT})
    sweep_orphans(workspace)
    done = _clean_raw(workspace, journal, erasure)
    _clean_vaults(workspace, journal.traces)
    for path in list(workspace_files(workspace)):
        if path in done or is_vault(path) or not path.exists():
            continue
        _clean_other(workspace, path, journal, erasure)
    refresh_manifests(workspace, journal.touched())
    _mark_models(workspace, journal)
    _log(workspace, journal, erasure)
    erasure.search = search_workspace(workspace, journal.traces)
    journal.remove()
    return erasure


def _clean_raw(workspace: Workspace, journal: Journal, erasure: Erasure) -> set[Path]:
    profiles, _ = profiles_of(workspace)
    cleaned = set()
    for path, uses in raw_uses(workspace, profiles).items():
        cleaned.add(path)
        name = workspace.relative(path)
        why = out_of_reach(path, uses, workspace.root)
        if why:
            erasure.out_of_reach[name] = why
            continue
        try:
            rows, cells = clean_raw_file(
                path, uses, journal.traces, lambda place: journal.touch(workspace.relative(place))
            )
        except WorkbenchError as error:
            erasure.out_of_reach[name] = str(error.faults[0].found)
            continue
        erasure.rows += rows
        if rows or cells:
            erasure.rewritten[name] = rows + cells
    for profile in profiles:
        for name, source in profile.sources.items():
            if source.path.startswith("env:"):
                erasure.out_of_reach[f"{profile.name}: {name}"] = "remote"
    return cleaned


def _clean_vaults(workspace: Workspace, traces: Traces) -> None:
    for path in sorted(workspace.root.glob("data/interim/*/vault.parquet")):
        vault = Vault.of(workspace, path.parent.name)
        people = vault.read()
        erased = pc.is_in(people["customer_id"], value_set=pa.array(sorted(traces.customers), pa.string()))
        if pc.any(erased).as_py():
            vault.write(people.filter(pc.invert(erased)))


def _clean_other(workspace: Workspace, path: Path, journal: Journal, erasure: Erasure) -> None:
    name = workspace.relative(path)
    traces = journal.traces
    if _is_named_by(path, traces):
        journal.touch(name)
        path.unlink()
        erasure.removed.append(name)
        return
    raw = path.is_relative_to(workspace.raw)
    change = clean_file(path, traces, lambda place: journal.touch(workspace.relative(place)), by_words=raw)
    if change is None:
        return
    if change.what == "removed":
        erasure.removed.append(name)
    else:
        erasure.rewritten[name] = change.rows


def _is_named_by(path: Path, traces: Traces) -> bool:
    """Return whether a file name contains an erased person, as that of a card does."""
    return path.name.split(".")[0] in traces.ids or traces.mentions(path.name)


def _mark_models(workspace: Workspace, journal: Journal) -> None:
    """Mark the registered models of the profiles as due for retraining, since they learned from erased people."""
    if not (workspace.tracking / "mlflow.db").is_file():
        return
    from workbench.run.tracking.erasures import mark_for_retraining  # noqa: PLC0415  (MLflow takes seconds to import)

    profiles = {profile for profile, _, _ in journal.traces.records}
    mark_for_retraining(workspace, sorted(profiles), since=journal.facts["started"])


def _log(workspace: Workspace, journal: Journal, erasure: Erasure) -> None:
    """Write the audit line of an erasure once, even if the erasure was resumed several times."""
    if _is_logged(workspace, journal.facts["id"]):
        return
    facts = journal.facts
    kinds = Counter("raw" if name.startswith("data/raw/") else "other" for name in erasure.rewritten)
    append_audit(
        workspace, "erasure", profile=facts["profile"], erasure=facts["id"], customers=facts["customers"],
        raw_files=kinds["raw"], other_files=kinds["other"], removed=len(erasure.removed),
        references=facts["references"],
    )  # fmt: skip


def _is_logged(workspace: Workspace, identity: str) -> bool:
    path = audit_path(workspace)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return any(identity in line and json.loads(line)["facts"].get("erasure") == identity for line in lines)
