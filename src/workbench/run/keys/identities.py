"""Inputs of identity resolution other than tables: the private table of people, the vault's key, declared links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.files import digest_file, digest_json
from workbench.core.params.assignments import ASSIGNMENTS, assignment_folder
from workbench.core.stages import FIRST
from workbench.intake.privacy.pseudonym_keys import pseudonym_key
from workbench.run.artifacts.context import stage_folder
from workbench.run.artifacts.manifest import read_manifest

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["identity_inputs"]

_IDENTITY = "02_resolve_identity"


def identity_inputs(workspace: Workspace, profile: Profile) -> dict[str, str | None]:
    """Return the inputs of identity resolution other than tables.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile

    Returns
    -------
    dict
        ``people`` (the key of 01 without assignments, since people are not a table), ``key`` (fingerprint of the key of
        the vault or of the workspace), ``must_link`` and ``cannot_link`` (digests of the files).
    """
    section = profile.sections[_IDENTITY]
    inputs = {
        "people": _people_key(workspace, profile),
        "key": pseudonym_key(workspace).fingerprint(),
    }
    for name in ("must_link", "cannot_link"):
        file = getattr(section, name)
        path = workspace.resolve(file) if file else None
        inputs[name] = digest_file(path) if path and path.is_file() else None
    return inputs


def _people_key(workspace: Workspace, profile: Profile) -> str | None:
    """Return the digest of 01's key without the assignments, which add no people."""
    key = read_manifest(stage_folder(workspace, profile.name, FIRST)).get("depends_on")
    if key is None:
        return None
    folder = f"{workspace.relative(assignment_folder(workspace, profile.name))}/"
    inputs = {name: value for name, value in key["inputs"].items() if not name.startswith(folder)}
    for name in ("sources", "declared"):
        inputs[name] = {source: value for source, value in inputs.get(name, {}).items() if source != ASSIGNMENTS}
    return digest_json({**key, "inputs": inputs})
