"""The keys of pseudonyms, derived from the vault's key if it is set, else from a random key of the workspace."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_text
from workbench.intake.identity.vault import KEY_BYTES, VaultKey, find_key

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["CONTACT_IDS_VARIABLE", "contact_ids_key", "pseudonym_key", "workspace_key"]

CONTACT_IDS_VARIABLE = "WORKBENCH_CONTACT_IDS_KEY"  # set by a flow for the kernel of 01 instead of the vault's key
_CONTACT_IDS = "contact-ids key"


def workspace_key(workspace: Workspace) -> VaultKey:
    """Return the random key of a workspace, created on first use in ``.workbench/`` (0600).

    Raises
    ------
    DataError
        The file is damaged.
    """
    path = workspace.lock.with_name("pseudonym.key")
    if not path.is_file():
        _make_key(path)
    try:
        secret = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        remedy = "Restore it from a copy; with a new one every customer gets a new id"
        raise DataError(Fault(workspace.relative(path), "not a key", f"Base64 of {KEY_BYTES} bytes", remedy))
    return VaultKey(secret)


def pseudonym_key(workspace: Workspace) -> VaultKey:
    """Return the key of pseudonyms: that of the vault, else that of the workspace."""
    return find_key(workspace) or workspace_key(workspace)


def contact_ids_key(workspace: Workspace) -> VaultKey:
    """Return the key that pseudonymises ids that are contact data; it cannot open the vault."""
    text = os.environ.get(CONTACT_IDS_VARIABLE)
    return VaultKey(base64.b64decode(text) if text else pseudonym_key(workspace).derive(_CONTACT_IDS))


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, base64.b64encode(os.urandom(KEY_BYTES)).decode() + "\n", mode=0o600)
