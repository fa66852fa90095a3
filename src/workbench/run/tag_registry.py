"""The registry of a profile: its files, its digest, its tags."""

from __future__ import annotations

from typing import Any

from workbench.core.files import digest_file
from workbench.core.profile import Profile
from workbench.core.tags import TagRegistry, load_registry, tag_files
from workbench.core.workspace import Workspace

__all__ = ["registry_inputs", "registry_of"]

_TAGS = "12_tag_customers"


def registry_of(workspace: Workspace, profile: Profile) -> TagRegistry:
    """Read the registry as the profile has it: its pack, its thresholds."""
    section = profile.sections[_TAGS]
    return load_registry(workspace, pack=section.pack, thresholds=section.thresholds)


def registry_inputs(workspace: Workspace, profile: Profile) -> dict[str, Any]:
    """Return the digests of the files of the registry."""
    files = [path for path in tag_files(workspace, profile.sections[_TAGS].pack) if path.is_file()]
    return {workspace.relative(path): digest_file(path) for path in files}
