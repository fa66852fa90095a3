"""The profiles of a workspace that have data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.errors import WorkbenchError
from workbench.core.params.profile import Profile, load_profile
from workbench.intake.reading.places import present_files

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["profiles_of"]


def profiles_of(workspace: Workspace) -> tuple[list[Profile], dict[str, str]]:
    """Return the profiles of a workspace that have data, and profile name to error for unreadable ones."""
    profiles, broken = [], {}
    for path in sorted(workspace.params.glob("*.yaml")):
        try:
            profile = load_profile(workspace, path.stem)
        except WorkbenchError as error:
            broken[path.stem] = str(error.faults[0])
            continue
        if _has_files(workspace, profile) or workspace.processed(profile.name).is_dir():
            profiles.append(profile)
    return profiles, broken


def _has_files(workspace: Workspace, profile: Profile) -> bool:
    """Return whether any source of a profile has a file."""
    return any(present_files(source, workspace.root) for source in profile.sources.values())
