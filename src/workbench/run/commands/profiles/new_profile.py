"""Write a draft profile for files (``workbench new NAME FILE...``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault, ProfileError, WorkbenchError
from workbench.core.files import write_text
from workbench.core.params.profile import Profile, is_profile_name, load_profile
from workbench.run.terminal.printing import Table

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.intake.guessing.kinds.guesses import Proposal

__all__ = ["NewProfile", "closing_lines", "closing_table", "write_new_profile"]

Trial = Callable[["Workspace", Profile], list[Fault]]
_LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class NewProfile:
    """The new profile: its path, its sources as (name, table), and the remaining faults."""

    path: Path
    sources: tuple[tuple[str, str], ...]
    faults: tuple[Fault, ...]
    proposal: Proposal | None = field(default=None, repr=False)
    language: str = "en"


def write_new_profile(
    workspace: Workspace, name: str, files: Sequence[str], try_sources: Trial | None = None, *,
    language: str | None = None,
) -> NewProfile:  # fmt: skip
    """Inspect files and write a commented profile with a proposed mapping and the reasons for it.

    Parameters
    ----------
    workspace : Workspace
    name : str
        Name of the profile; an existing one is never overwritten.
    files : sequence of str
        Files, or folders of files, inside the workspace; relative to the current folder or to the workspace.
    try_sources : callable, optional
        Reads the first rows of the files; see `flows.trial`.
    language : str, optional
        en or zh; default: the language of most headers.

    Raises
    ------
    ProfileError
        The name is invalid or already used, or a file is outside the workspace.
    DataError
        A file is missing, empty or unreadable.
    """
    from workbench.intake.guessing.proposals import propose  # noqa: PLC0415  (slow to import)
    from workbench.intake.guessing.samples import Sample, take_samples  # noqa: PLC0415
    from workbench.intake.guessing.text.writing import profile_text  # noqa: PLC0415

    target = workspace.params / f"{name}.yaml"
    faults = _name_faults(workspace, name, language)
    missing: list[Fault] = []
    samples: list[Sample] = []
    for path in [path for text in files for path in _paths(workspace, text, faults, missing)]:
        try:
            samples += take_samples(path, workspace.relative(path))
        except DataError as error:
            missing += error.faults
    if faults:
        raise ProfileError([*faults, *missing])
    if missing:
        raise DataError(missing)
    proposal = propose(samples)
    write_text(target, profile_text(name, proposal, language=language))
    sources = tuple((source.name, source.table) for source in proposal.sources)
    return NewProfile(target, sources, _check(workspace, name, try_sources), proposal, language or proposal.language)


def closing_table(profile: NewProfile) -> Table:
    """Return one row per source and per skipped file: table, number of records, columns not read or the reason."""
    from workbench.intake.guessing.headers.reasons import say_reason  # noqa: PLC0415
    from workbench.report.text import say  # noqa: PLC0415

    language, proposal = profile.language, profile.proposal
    table = Table(*(say(f"new_head_{head}", language) for head in ("file", "table", "records", "left")), box=None)
    for source in proposal.sources if proposal else ():
        count, sample = len(source.unread), source.sample
        records = str(sample.records) if sample.complete else say("new_said_more", language, {"count": sample.records})
        left = say("new_said_columns", language, {"count": count}) if count else ""
        table.add_row(_place(source.path, str(source.settings.get("sheet", ""))), source.table, records, left)
    for file in proposal.left_out if proposal else ():
        reason = say_reason(file.reason, language)
        table.add_row(_place(file.path, file.sheet), say("new_said_left_out", language), str(file.records), reason)
    return table


def closing_lines(profile: NewProfile, name: str, path: str) -> list[str]:
    """Return what an additional file would make possible, the path of the profile, and the faults to correct."""
    from workbench.report.text import say  # noqa: PLC0415
    from workbench.run.terminal.guarding import visible  # noqa: PLC0415

    language, sources = profile.language, profile.proposal.sources if profile.proposal else []
    tables = {source.table for source in sources}
    orders = [source for source in sources if source.table == "transactions"]
    unlocks = {
        "new_unlocks_orders": not orders,
        "new_unlocks_people": "customers" not in tables,
        "new_unlocks_goods": bool(orders) and not any(source.maps("product_id") for source in orders),
    }
    lines = [say(key, language) for key, applies in unlocks.items() if applies]
    lines.append(say("new_said_written", language, {"path": path, "name": name}))
    return lines + [say("new_said_fault", language, {"fault": visible(str(fault))}) for fault in profile.faults]


def _place(path: str, sheet: str) -> str:
    return f"{path} / {sheet}" if sheet else path


def _name_faults(workspace: Workspace, name: str, language: str | None) -> list[Fault]:
    faults = []
    if not is_profile_name(name):
        expected = "A lower-case letter, then lower-case letters, digits and _, at most 40"
        faults.append(Fault("new", f"profile name {name!r} cannot be used", expected))
    else:
        endings = [ending for ending in ("yaml", "yml") if (workspace.params / f"{name}.{ending}").exists()]
        remedy = "Choose another name, or move the file away"
        faults += [
            Fault(f"params/{name}.{ending}", "the profile exists and is not overwritten", "", remedy)
            for ending in endings
        ]
    if language is not None and language not in _LANGUAGES:
        faults.append(Fault("--language", f"language {language!r}", "Expected en or zh"))
    return faults


def _inside(path: Path, workspace: Workspace) -> bool:
    return path.resolve().is_relative_to(workspace.root) and path.absolute().is_relative_to(workspace.root)


def _paths(workspace: Workspace, text: str, faults: list[Fault], missing: list[Fault]) -> list[Path]:
    """Return the files that an argument names (for a folder its readable files); append faults to the lists."""
    from workbench.intake.reading.places import FORMS, readable_files  # noqa: PLC0415

    name = Path(text)
    existing = [path for path in (name, workspace.root / name) if path.exists()]
    inside = (path for path in existing if _inside(path, workspace))
    path = next(inside, name if existing else workspace.root / name)
    if not _inside(path, workspace):
        remedy = f"Copy it into data/raw/ and name it from there: data/raw/{name.name}"
        expected = f"A file inside {workspace.root.name}/"
        faults.append(Fault(text, "the file is outside the workspace", expected, remedy))
        return []
    if any(sign in workspace.relative(path) for sign in "*?["):
        faults.append(Fault(text, "a path with *, ? or [ names several files in a profile", "", "Rename the file"))
        return []
    if path.is_dir():
        files = readable_files(path)
        if not files:
            missing.append(Fault(text, "the folder has no readable file", f"Files ending in {', '.join(FORMS)}"))
        return files
    if not path.is_file():
        missing.append(Fault(text, "file not found", "", "Put it into data/raw/"))
        return []
    return [path.absolute()]


def _check(workspace: Workspace, name: str, try_sources: Trial | None) -> tuple[Fault, ...]:
    """Return the faults that ``workbench check`` finds in the new profile and the first rows of its files."""
    from workbench.run.flows.check import check_sources  # noqa: PLC0415

    try:
        profile = load_profile(workspace, name)
        check_sources(workspace, profile)
        return tuple(try_sources(workspace, profile)) if try_sources else ()
    except WorkbenchError as error:
        return tuple(error.faults)
    return ()
