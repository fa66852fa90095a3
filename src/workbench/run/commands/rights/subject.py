"""The commands ``workbench subject find|export|erase|correct|restrict|status``."""

from __future__ import annotations

import csv
import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.core.errors import Fault, ProfileError
from workbench.core.params.profile import load_profile
from workbench.core.workspace import find_workspace
from workbench.run.terminal.printing import check_language

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.rights.people import Person, ProfilePeople

__all__ = ["subject"]

subject = typer.Typer(no_args_is_help=True, help="The rights of a person in the data: access, erasure, correction.")

Ids = Annotated[list[str] | None, typer.Argument(help="Customer ids or ids of a source; with the vault's key also a "
                                                      "name, phone or mail.")]  # fmt: skip
ProfileOption = Annotated[str, typer.Option("--profile", help="Where the ids are looked up.")]
IdFile = Annotated[Path | None, typer.Option("--ids", help="A file with an id a line, or a CSV with source_id.")]
LanguageOption = Annotated[str | None, typer.Option("--language", help="en or zh; default: the profile's first.")]
WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
Received = Annotated[str | None, typer.Option(help="Day the request came in, YYYY-MM-DD; default: today.")]
Identity = Annotated[str, typer.Option(help="How the identity was checked, for the register.")]
Only = Annotated[bool, typer.Option("--register-only", help="Record the request and do nothing else yet.")]


@dataclass(frozen=True)
class _Call:
    """The people named in one command, with workspace, profile and language."""

    workspace: Workspace
    profile: str
    language: str
    people: list[Person]
    every: list[ProfilePeople]
    today: dt.date

    def print(self, key: str, **values: Any) -> None:
        from workbench.report.text import say  # noqa: PLC0415

        print(say(key, self.language, values))


@subject.callback()
def about() -> None:
    """Handle requests of data subjects: access, erasure, correction, restriction (个人信息主体权利)."""


@subject.command()
def find(
    ids: Ids = None, profile: ProfileOption = "journey", file: IdFile = None, language: LanguageOption = None,
    workspace: WorkspaceOption = None,
) -> None:  # fmt: skip
    """Find a person and their records in every profile of the workspace."""
    _print_people(_call(workspace, profile, ids, file, language))


@subject.command()
def export(
    ids: Ids = None, profile: ProfileOption = "journey", file: IdFile = None, received: Received = None,
    identity: Identity = "", only: Only = False, language: LanguageOption = None, workspace: WorkspaceOption = None,
) -> None:  # fmt: skip
    """Export all data about a person: JSON and pages in Chinese and English, private, kept for 30 days."""
    call = _call(workspace, profile, ids, file, language)
    if not _registered(call, "access", received, identity, only=only):
        return
    from workbench.run.rights.requests.exporting import export_people  # noqa: PLC0415
    from workbench.run.rights.requests.holdings import holdings_of  # noqa: PLC0415

    paths = export_people(call.workspace, profile, call.people, holdings_of, every=call.every, today=call.today)
    call.print("subject_said_exported", people=len(call.people))
    for path in paths:
        call.print("subject_said_file", file=call.workspace.relative(path))
    _done(call, "access", received, identity)


@subject.command()
def erase(
    ids: Ids = None, profile: ProfileOption = "journey",
    yes: Annotated[bool, typer.Option("--yes", help="Erase; without it, say what would be erased.")] = False,
    file: IdFile = None, received: Received = None, identity: Identity = "", only: Only = False,
    language: LanguageOption = None, workspace: WorkspaceOption = None,
) -> None:  # fmt: skip
    """Erase people from every profile, file, run and model of the workspace, for good."""
    from workbench.run.artifacts.lock import hold_workspace  # noqa: PLC0415
    from workbench.run.rights.erasing.erasure import complete_erasures, erase_people  # noqa: PLC0415

    with hold_workspace(find_workspace(workspace), "workbench subject erase"):
        if yes:
            complete_erasures(find_workspace(workspace))
        call = _call(workspace, profile, ids, file, language)
        if not _registered(call, "erasure", received, identity, only=only):
            return
        if not yes:
            _print_people(call)
            records = sum(len(rows) for person in call.people for rows in person.records.values())
            profiles = {name for person in call.people for name in person.records}
            call.print("subject_said_would_erase", people=len(call.people), records=records, profiles=len(profiles))
            return
        erasure = erase_people(call.workspace, profile, call.people, call.every, today=call.today)
        _done(call, "erasure", received, identity, references=erasure.facts["references"])
    _print_erasure(call, erasure)


@subject.command()
def status(
    ids: Ids = None, profile: ProfileOption = "journey", file: IdFile = None, language: LanguageOption = None,
    workspace: WorkspaceOption = None,
) -> None:  # fmt: skip
    """Search every file, raw and decoded, for a person and show their requests; without ids show all requests."""
    from workbench.run.rights.erasing.search import search_workspace  # noqa: PLC0415
    from workbench.run.rights.erasing.tracing import references_of, traces_of  # noqa: PLC0415
    from workbench.run.rights.requests.register import read_register  # noqa: PLC0415
    from workbench.run.rights.traces.journal import open_journals  # noqa: PLC0415

    place = find_workspace(workspace)
    requested = _ids(place, ids, file)
    gone = _erased_before(place, profile, requested)
    call = _call(workspace, profile, [value for value in requested if value not in gone], None, language, empty=True)
    for journal in open_journals(place):
        call.print("subject_said_pending", people=journal.facts["customers"])
    for value in gone:
        call.print("subject_said_gone", requested=value)
    references = set(references_of(place, call.people, profile)) if call.people else set()
    for request in read_register(place):
        if request.profile == profile and (not requested or references & set(request.references)):
            _print_request(call, request)
    if call.people or gone:
        _print_people(call)
        _print_exports(call)
        traces = traces_of(call.people, call.every)
        traces = traces if not gone else _with_ids(traces, gone)
        _print_search(call, search_workspace(place, traces), len(call.people) + len(gone))
        unsearched = len(traces.shared) + len([value for value in traces.ids if value not in traces.searched])
        if unsearched:
            call.print("subject_said_not_searched", count=unsearched)


@subject.command()
def restrict(
    ids: Ids = None, profile: ProfileOption = "journey", file: IdFile = None,
    lift: Annotated[bool, typer.Option("--lift", help="Lift the restriction.")] = False,
    objection: Annotated[bool, typer.Option("--objection", help="Register it as an objection to profiling.")] = False,
    received: Received = None, identity: Identity = "", only: Only = False, language: LanguageOption = None,
    workspace: WorkspaceOption = None,
) -> None:  # fmt: skip
    """Restrict a person's data (no features, scores or lists), or lift the restriction."""
    from workbench.run.artifacts.audit import append_audit  # noqa: PLC0415
    from workbench.run.artifacts.corrections import lift_restrictions, restrict_records  # noqa: PLC0415
    from workbench.run.artifacts.lock import hold_workspace  # noqa: PLC0415
    from workbench.run.rights.erasing.tracing import references_of  # noqa: PLC0415

    kind = "objection" if objection else "restriction"
    with hold_workspace(find_workspace(workspace), "workbench subject restrict"):
        call = _call(workspace, profile, ids, file, language)
        if not _registered(call, kind, received, identity, only=only):
            return
        records = _records(call)
        if lift:
            lift_restrictions(call.workspace, records)
        else:
            restrict_records(call.workspace, records, since=call.today.isoformat())
        references = references_of(call.workspace, call.people, profile)
        append_audit(call.workspace, "restriction", profile=profile, people=len(call.people), lifted=lift,
                     references=references)  # fmt: skip
        _done(call, kind, received, identity)
    call.print("subject_said_lifted" if lift else "subject_said_restricted", people=len(call.people))
    if not lift:
        _print_exports(call)


@subject.command()
def correct(
    ids: Ids = None,
    values: Annotated[list[str] | None, typer.Option("--set", help="COLUMN=VALUE; several times for several.")] = None,
    profile: ProfileOption = "journey", file: IdFile = None, received: Received = None, identity: Identity = "",
    only: Only = False, language: LanguageOption = None, workspace: WorkspaceOption = None,
) -> None:  # fmt: skip
    """Correct a person's data; the value overrides every source, also in later files."""
    from workbench.run.artifacts.audit import append_audit  # noqa: PLC0415
    from workbench.run.artifacts.corrections import add_corrections  # noqa: PLC0415
    from workbench.run.artifacts.lock import hold_workspace  # noqa: PLC0415
    from workbench.run.rights.erasing.tracing import references_of  # noqa: PLC0415
    from workbench.run.rights.requests.correcting import corrections_of  # noqa: PLC0415

    with hold_workspace(find_workspace(workspace), "workbench subject correct"):
        call = _call(workspace, profile, ids, file, language)
        if not _registered(call, "correction", received, identity, only=only):
            return
        entries = corrections_of(call.people, call.every, values or [], on=call.today.isoformat())
        add_corrections(call.workspace, entries)
        columns = sorted({entry["column"] for entry in entries})
        append_audit(call.workspace, "correction", profile=profile, people=len(call.people), columns=columns,
                     references=references_of(call.workspace, call.people, profile))  # fmt: skip
        _done(call, "correction", received, identity)
    call.print("subject_said_corrected", cells=len(entries))


def _call(
    workspace: Path | None, profile: str, ids: Sequence[str] | None, file: Path | None, language: str | None, *,
    empty: bool = False,
) -> _Call:  # fmt: skip
    from workbench.run.rights.people import find_people  # noqa: PLC0415  (pandas takes half a second to import)

    place = find_workspace(workspace)
    loaded = load_profile(place, profile)
    requested = _ids(place, ids, file)
    if not requested and not empty:
        raise ProfileError(Fault("subject", "no id is given", "ID..., or --ids FILE", "Name the person"))
    people, every = find_people(place, profile, requested) if requested else ([], [])
    spoken_language = check_language(language) if language else loaded.languages[0]
    return _Call(place, profile, spoken_language, people, every, dt.date.today())


def _ids(workspace: Workspace, ids: Sequence[str] | None, file: Path | None) -> list[str]:
    values = list(ids or [])
    if file is not None:
        path = file if file.is_absolute() else Path.cwd() / file
        if not path.is_file():
            raise ProfileError(Fault("--ids", f"no file {file}", "A file with an id a line, or a CSV with source_id"))
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        heads = [name.strip() for name in next(csv.reader(lines[:1]), [])]
        column = next((name for name in ("customer_id", "source_id") if name in heads), None)
        rows = [row[column] or "" for row in csv.DictReader(lines)] if column else lines
        values += [value.strip() for value in rows if value.strip()]
    return list(dict.fromkeys(values))


def _day(text: str | None, today: dt.date) -> dt.date:
    try:
        return dt.date.fromisoformat(text) if text else today
    except ValueError:
        raise ProfileError(Fault("--received", f"{text!r} is no day", "YYYY-MM-DD")) from None


def _registered(call: _Call, kind: str, received: str | None, identity: str, *, only: bool) -> bool:
    """Record the request if only that is requested; return whether the command continues."""
    _day(received, call.today)
    if only:
        _done(call, kind, received, identity, done=False)
    return not only


def _done(
    call: _Call, kind: str, received: str | None, identity: str, *, done: bool = True,
    references: Sequence[str] | None = None,
) -> None:  # fmt: skip
    from workbench.run.rights.erasing.tracing import references_of  # noqa: PLC0415
    from workbench.run.rights.requests.register import record_request  # noqa: PLC0415

    if references is None:
        references = references_of(call.workspace, call.people, call.profile)
    request = record_request(
        call.workspace, kind, profile=call.profile, references=references, received=_day(received, call.today),
        identity=identity, done=call.today if done else None,
    )  # fmt: skip
    _print_request(call, request)


def _records(call: _Call) -> list[dict[str, str]]:
    return [
        {"profile": name, "source": row.source or "", "source_id": row.source_id}
        for person in call.people for name, rows in person.records.items() for row in rows.itertuples()
    ]  # fmt: skip


def _erased_before(workspace: Workspace, profile: str, requested: Sequence[str]) -> list[str]:
    """Return the ids that a tombstone of this profile marks."""
    from workbench.intake.privacy.tombstone_file import read_tombstones  # noqa: PLC0415

    tombstones = read_tombstones(workspace, profile)
    if not tombstones:
        return []
    sources = list(load_profile(workspace, profile).sources)
    return [value for value in requested if any(tombstones.holds("record", profile, name, value) for name in sources)
            or any(tombstones.holds(kind, value) for kind in ("phone", "email", "document"))]  # fmt: skip


def _with_ids(traces: Any, ids: Sequence[str]) -> Any:
    from workbench.run.rights.traces.traces import Traces  # noqa: PLC0415

    return Traces(traces.customers, traces.records, traces.words | set(ids), traces.shared)


def _print_people(call: _Call) -> None:
    for person in call.people:
        customers = ", ".join(person.customer_ids(call.profile))
        call.print("subject_said_found", requested=person.requested, customers=customers)
        for name, rows in person.records.items():
            for source, records in rows.groupby("source"):
                call.print("subject_said_records", profile=name, source=source or "–",
                           ids=", ".join(sorted(set(records["source_id"].astype(str)))))  # fmt: skip
        if person.doubtful:
            call.print("subject_said_doubtful", records=person.doubtful)


def _print_exports(call: _Call) -> None:
    """Print the plans, exports and lists that already contain the people, so that they can be removed there."""
    from workbench.run.rights.requests.holdings import exports_of  # noqa: PLC0415

    for person in call.people:
        for profile_people in call.every:
            if profile_people.name not in person.records:
                continue
            for entry in exports_of(call.workspace, profile_people, person.records[profile_people.name]):
                what = entry.get("list") or f"{entry['plan']}, {entry['action']}"
                call.print("subject_said_exported_before", what=what, when=", ".join(entry.get("exported", [])) or "–")


def _print_request(call: _Call, request: Any) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    late = request.is_late(call.today)
    key = (
        ("subject_state_late" if late else "subject_state_done")
        if request.done
        else ("subject_state_overdue" if late else "subject_state_open")
    )
    state = say(key, call.language, {"day": request.done} if request.done else {})
    identity = (
        say("subject_identity_yes", call.language, {"how": request.identity})
        if request.identity
        else (say("subject_identity_no", call.language))
    )
    call.print("subject_said_request", number=request.number, kind=say(f"subject_kind_{request.kind}", call.language),
               received=request.received, due=request.due, state=state, identity=identity)  # fmt: skip


def _print_erasure(call: _Call, erasure: Any) -> None:
    from workbench.intake.identity.vault import find_key  # noqa: PLC0415
    from workbench.intake.privacy.tombstone_file import OUTSIDE_VARIABLE  # noqa: PLC0415
    from workbench.report.text import say  # noqa: PLC0415

    call.print("subject_said_erased", people=erasure.facts["customers"], rows=erasure.rows,
               files=len(erasure.rewritten), removed=len(erasure.removed))  # fmt: skip
    for file in erasure.removed:
        call.print("subject_said_removed", file=file)
    for what, why in erasure.out_of_reach.items():
        place = say(f"subject_out_{what}", call.language) if what == why else what
        reason = "elsewhere" if what == why else why
        has_text = reason in ("elsewhere", "xls", "outside", "read_only", "remote")
        call.print(
            "subject_said_out", what=place, why=say(f"subject_why_{reason}", call.language) if has_text else reason
        )
    call.print("subject_said_retrain")
    if find_key(call.workspace) is None:
        call.print("subject_said_no_key")
    if not os.environ.get(OUTSIDE_VARIABLE):
        call.print("subject_said_no_outside")
    _print_search(call, erasure.search, erasure.facts["customers"])


def _print_search(call: _Call, search: Any, people: int) -> None:
    kinds = ", ".join(f"{kind} {count}" for kind, count in search.files.most_common())
    call.print("subject_said_searched", files=sum(search.files.values()), kinds=kinds)
    for file in search.closed:
        call.print("subject_said_closed", file=file)
    if not search.hits:
        call.print("subject_said_nothing", people=people)
        return
    call.print("subject_said_hits", hits=len({file for file, _ in search.hits}), people=people)
    for file, way in search.hits:
        call.print("subject_said_hit", file=file, way=way)
