"""Checks before any kernel starts: files, headers, rules and feature names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault, ProfileError
from workbench.core.stages import STAGES

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["check_notes", "check_sources", "fetch_remote", "make_demo_data", "make_sheets", "missing_files"]


def make_demo_data(workspace: Workspace, profile: Profile) -> bool:
    """Write the profile's raw files from published or generated demo data, if any are absent.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile

    Returns
    -------
    bool
        Whether anything was written.
    """
    if profile.demo_data is None or not missing_files(workspace, profile):
        return False
    from workbench.intake.demo.datasets import materialise  # noqa: PLC0415

    materialise(profile.demo_data, workspace.raw / profile.demo_data)
    return True


def make_sheets(workspace: Workspace, profile: Profile) -> list[str]:
    """Create the missing sheets that people fill in by hand; return their paths."""
    from workbench.intake.tables.manual_sheets import make_sheet  # noqa: PLC0415

    manual = [source for source in profile.sources.values() if source.manual]
    paths = [make_sheet(source, workspace.root, profile.languages[0]) for source in manual]
    return [workspace.relative(path) for path in paths if path]


def fetch_remote(workspace: Workspace, profile: Profile) -> dict[str, int]:
    """Fetch every remote source into its snapshot; return the number of records by source.

    Raises
    ------
    DataError
        Some sources could not be fetched; every fault names the line in the profile.
    """
    from workbench.intake.reading.places import is_remote  # noqa: PLC0415
    from workbench.intake.remote.snapshots import fetch_source  # noqa: PLC0415

    fetched: dict[str, int] = {}
    faults: list[Fault] = []
    for name, source in profile.sources.items():
        if not is_remote(source):
            continue
        try:
            fetched[name] = fetch_source(source, workspace.root)
        except DataError as error:
            faults += [_at(f"{profile.where('sources', name)}: sources.{name}", fault) for fault in error.faults]
    if faults:
        raise DataError(faults)
    return fetched


def check_notes(workspace: Workspace, profile: Profile) -> list[str]:
    """List remarks that are not errors: sources that do not exist yet, columns that are not stored."""
    from workbench.intake.reading.places import present_files  # noqa: PLC0415
    from workbench.intake.remote.snapshots import needs_fetching  # noqa: PLC0415
    from workbench.intake.tables.declarations import unstored_columns  # noqa: PLC0415

    notes = []
    for name, source in profile.sources.items():
        if needs_fetching(source, workspace.root):
            notes.append(f"{name}: not fetched yet, so its columns are not checked; a run fetches it")
        elif source.manual and not present_files(source, workspace.root):
            notes.append(f"{name}: {source.path} does not exist yet; a run creates it, to be filled by hand")
        notes += [
            f"{name}: {column} is not stored, since {key} is not mapped; without ids, map {key} to the same column"
            for column, key in unstored_columns(source).items()
        ]
    return notes


def missing_files(workspace: Workspace, profile: Profile) -> list[str]:
    """Return the sources without any file."""
    from workbench.intake.reading.places import present_files  # noqa: PLC0415

    sources = profile.sources.items()
    return [name for name, source in sources if not source.manual and not present_files(source, workspace.root)]


def check_sources(workspace: Workspace, profile: Profile, *, files: bool = True) -> None:
    """Check files, headers, rules and feature names of a profile; report all faults together.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    files : bool
        False before demo data is written: only the profile itself is checked.

    Raises
    ------
    ProfileError
        A rule or a feature names something that does not exist; faults in the data are listed too.
    DataError
        A file is missing, empty or unreadable, or lacks a mapped column.
    """
    from workbench.intake.feedback.marks import feedback_faults  # noqa: PLC0415
    from workbench.intake.tables.declarations import check_declared  # noqa: PLC0415
    from workbench.intake.tables.source_heads import check_source  # noqa: PLC0415
    from workbench.run.artifacts.assignments import assignments_changed  # noqa: PLC0415
    from workbench.run.keys.checks import stage_faults  # noqa: PLC0415

    yaml_faults: list[Fault] = []
    data_faults: list[Fault] = []
    for name, source in profile.sources.items():
        where = profile.where("sources", name)
        declared = check_declared(source)
        yaml_faults += [_at(where, fault) for fault in declared]
        faults = check_source(source, workspace.root) if files else []
        data_faults += [_at(where, fault) for fault in faults if fault not in declared]
    for at, path in enumerate(profile.never_contact if files else ()):
        if not workspace.resolve(path).is_file():
            where = profile.where("never_contact", str(at))
            data_faults.append(Fault(where, f"no file {path}", "A CSV with the column source_id", "Add it"))
    data_faults += assignments_changed(workspace, profile.name)
    data_faults += feedback_faults(workspace, profile.name) if files else []
    for stage in STAGES.values():
        yaml_faults += stage_faults(stage, workspace, profile)
    if yaml_faults:
        raise ProfileError(yaml_faults + data_faults)
    if data_faults:
        raise DataError(data_faults)


def _at(where: str, fault: Fault) -> Fault:
    return Fault(f"{where}: {fault.where}" if fault.where else where, fault.found, fault.expected, fault.remedy)
