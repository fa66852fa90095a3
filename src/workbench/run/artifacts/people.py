"""What a run knows of identities: what 02 depends on beside tables, and when the private people are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.files import digest_file
from workbench.core.stages import FIRST
from workbench.intake.identity.people import forget_people, has_people
from workbench.intake.identity.vault import find_key
from workbench.run.artifacts.context import stage_folder
from workbench.run.artifacts.manifest import read_manifest

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["forget_people", "has_people", "identity_inputs"]

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
        ``people`` (what 01 was made from, since people leave no table), ``key`` (a mark of the vault's key, or none),
        ``must_link`` and ``cannot_link`` (digests of the files).
    """
    key = find_key(workspace)
    section = profile.sections[_IDENTITY]
    inputs = {
        "people": read_manifest(stage_folder(workspace, profile.name, FIRST)).get("key"),
        "key": key.fingerprint() if key else "none",
    }
    for name in ("must_link", "cannot_link"):
        given = getattr(section, name)
        path = workspace.resolve(given) if given else None
        inputs[name] = digest_file(path) if path and path.is_file() else None
    return inputs
