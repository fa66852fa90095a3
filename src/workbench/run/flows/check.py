"""What can be found wrong before any kernel starts: files, headers, rules and feature names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault, ProfileError
from workbench.core.stages import STAGES

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["check_sources", "fetch_remote", "make_demo_data", "make_sheets", "missing_files", "check_notes"]


def make_demo_data(workspace: Workspace, profile: Profile) -> bool:
    """Fill the profile's raw files from published or generated demo data where they are absent.

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
    """Make the sheets to be filled by hand that are absent; return where they lie."""
    from workbench.intake.tables.manual_sheets import make_sheet  # noqa: PLC0415

    made = [
        make_sheet(source, workspace.root, profile.languages[0]) for source in profile.sources.values() if source.manual
    ]
    return [workspace.relative(path) for path in made if path]


def fetch_remote(workspace: Workspace, profile: Profile) -> dict[str, int]:
    """Fetch every remote source into its snapshot; return the records by source.

    Raises
    ------
    DataError
        The faults of all sources that could not be fetched, each with its line in the profile.
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
    """Say what a check lets pass and a reader should know: sources not there yet, columns that are kept nowhere."""
    from workbench.intake.reading.places import present_files  # noqa: PLC0415
    from workbench.intake.remote.snapshots import needs_fetching  # noqa: PLC0415
    from workbench.intake.tables.declarations import homeless_columns  # noqa: PLC0415

    said = []
    for name, source in profile.sources.items():
        if needs_fetching(source, workspace.root):
            said.append(f"{name}: not fetched yet, so its columns are not checked; a run fetches it")
        elif source.manual and not present_files(source, workspace.root):
            said.append(f"{name}: {source.path} is not there yet; a run makes it, to be filled by hand")
        said += [
            f"{name}: {column} is kept nowhere, since {key} is not mapped"
            for column, key in homeless_columns(source).items()
        ]
    return said


def missing_files(workspace: Workspace, profile: Profile) -> list[str]:
    """Return the sources of which no file is there."""
    from workbench.intake.reading.places import present_files  # noqa: PLC0415

    sources = profile.sources.items()
    return [name for name, source in sources if not source.manual and not present_files(source, workspace.root)]


def check_sources(workspace: Workspace, profile: Profile, *, files: bool = True) -> None:
    """Check files, headers, rules and feature names of a profile; every fault at once.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    files : bool
        False before demo data is written: only what the profile itself says is checked.

    Raises
    ------
    ProfileError
        A rule or a feature names what does not exist; the data's faults are listed too.
    DataError
        A file is missing, empty or unreadable, or lacks a mapped column.
    """
    from workbench.intake.tables.declarations import check_declared  # noqa: PLC0415
    from workbench.intake.tables.source_heads import check_source  # noqa: PLC0415
    from workbench.run.keys.checks import stage_faults  # noqa: PLC0415

    yaml_faults: list[Fault] = []
    data_faults: list[Fault] = []
    for name, source in profile.sources.items():
        where = profile.where("sources", name)
        declared = check_declared(source)
        yaml_faults += [_at(where, fault) for fault in declared]
        found = check_source(source, workspace.root) if files else []
        data_faults += [_at(where, fault) for fault in found if fault not in declared]
    for stage in STAGES.values():
        yaml_faults += stage_faults(stage, workspace, profile)
    if yaml_faults:
        raise ProfileError(yaml_faults + data_faults)
    if data_faults:
        raise DataError(data_faults)


def _at(where: str, fault: Fault) -> Fault:
    return Fault(f"{where}: {fault.where}" if fault.where else where, fault.found, fault.expected, fault.remedy)
