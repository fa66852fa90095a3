"""What identity resolution depends on beside tables: the private people, the vault's key, the declared links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.files import digest_file
from workbench.core.stages import FIRST
from workbench.intake.identity.vault import find_key
from workbench.run.artifacts.context import stage_folder
from workbench.run.artifacts.manifest import read_manifest

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["identity_inputs"]

_IDENTITY = "02_resolve_identity"


def identity_inputs(workspace: Workspace, profile: Profile) -> dict[str, str | None]:
    """Return what the identities depend on beside tables.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile

    Returns
    -------
    dict
        ``people`` (the key of 01, since people are no table), ``key`` (fingerprint of the vault's key, or "none"),
        ``must_link`` and ``cannot_link`` (digests of the files).
    """
    key = find_key(workspace)
    section = profile.sections[_IDENTITY]
    inputs = {
        "people": read_manifest(stage_folder(workspace, profile.name, FIRST)).get("key"),
        "key": key.fingerprint() if key else "none",
    }
    for name in ("must_link", "cannot_link"):
        file = getattr(section, name)
        path = workspace.resolve(file) if file else None
        inputs[name] = digest_file(path) if path and path.is_file() else None
    return inputs
