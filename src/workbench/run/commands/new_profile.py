"""A first profile for files nobody has described yet: ``workbench new NAME FILE...``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault, ProfileError, WorkbenchError
from workbench.core.files import write_text
from workbench.core.params.profile import is_profile_name, load_profile

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["NewProfile", "write_new_profile"]

_LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class NewProfile:
    """What was written: the profile, its sources as (name, table), and what a check of it still refuses."""

    path: Path
    sources: tuple[tuple[str, str], ...]
    faults: tuple[Fault, ...]


def write_new_profile(
    workspace: Workspace, name: str, files: Sequence[str], *, language: str | None = None
) -> NewProfile:
    """Look at files and write a commented profile with the mapping that was guessed and why.

    Parameters
    ----------
    workspace : Workspace
    name : str
        Of the profile; one that exists is never overwritten.
    files : sequence of str
        Files, or folders of files, inside the workspace; relative to the current folder or to the workspace.
    language : str, optional
        en or zh; default: that of most headers.

    Raises
    ------
    ProfileError
        The name cannot be used or is taken, a file lies outside the workspace.
    DataError
        A file is missing, empty or unreadable.
    """
    from workbench.intake.guessing.proposals import propose  # noqa: PLC0415  (slow to import)
    from workbench.intake.guessing.samples import Sample, take_samples  # noqa: PLC0415
    from workbench.intake.guessing.writing import profile_text  # noqa: PLC0415

    target = workspace.params / f"{name}.yaml"
    wrong = _name_faults(workspace, name, language)
    missing: list[Fault] = []
    samples: list[Sample] = []
    for path in [each for file in files for each in _places(workspace, file, wrong, missing)]:
        try:
            samples += take_samples(path, workspace.relative(path))
        except DataError as error:
            missing += error.faults
    if wrong:
        raise ProfileError([*wrong, *missing])
    if missing:
        raise DataError(missing)
    proposal = propose(samples)
    write_text(target, profile_text(name, proposal, language=language))
    sources = tuple((source.name, source.table) for source in proposal.sources)
    return NewProfile(target, sources, _check(workspace, name))


def _name_faults(workspace: Workspace, name: str, language: str | None) -> list[Fault]:
    faults = []
    if not is_profile_name(name):
        expected = "A lower-case letter, then lower-case letters, digits and _, at most 40"
        faults.append(Fault("new", f"profile name {name!r} cannot be used", expected))
    else:
        taken = [ending for ending in ("yaml", "yml") if (workspace.params / f"{name}.{ending}").exists()]
        remedy = "Choose another name, or move the file away"
        faults += [
            Fault(f"params/{name}.{each}", "the profile exists and is not overwritten", "", remedy) for each in taken
        ]
    if language is not None and language not in _LANGUAGES:
        faults.append(Fault("--language", f"language {language!r}", "Expected en or zh"))
    return faults


def _inside(path: Path, workspace: Workspace) -> bool:
    return path.resolve().is_relative_to(workspace.root) and path.absolute().is_relative_to(workspace.root)


def _places(workspace: Workspace, text: str, wrong: list[Fault], missing: list[Fault]) -> list[Path]:
    """Return the files a word of the command names, the readable ones of a folder; note what is wrong."""
    from workbench.intake.reading.places import FORMS, readable_files  # noqa: PLC0415

    given = Path(text)
    here = [each for each in (given, workspace.root / given) if each.exists()]
    path = next((each for each in here if _inside(each, workspace)), given if here else workspace.root / given)
    if not _inside(path, workspace):
        remedy = f"Copy it into data/raw/ and name it from there: data/raw/{given.name}"
        wrong.append(
            Fault(text, "the file lies outside the workspace", f"A file inside {workspace.root.name}/", remedy)
        )
        return []
    if any(sign in workspace.relative(path) for sign in "*?["):
        wrong.append(Fault(text, "a path with *, ? or [ names several files in a profile", "", "Rename the file"))
        return []
    if path.is_dir():
        found = readable_files(path)
        if not found:
            missing.append(Fault(text, "the folder holds no file that is read", f"Files ending in {', '.join(FORMS)}"))
        return found
    if not path.is_file():
        missing.append(Fault(text, "file not found", "", "Put it into data/raw/"))
        return []
    return [path.absolute()]


def _check(workspace: Workspace, name: str) -> tuple[Fault, ...]:
    """Return what ``workbench check`` says of the new profile."""
    from workbench.run.flows.check import check_sources  # noqa: PLC0415

    try:
        check_sources(workspace, load_profile(workspace, name))
    except WorkbenchError as error:
        return tuple(error.faults)
    return ()
