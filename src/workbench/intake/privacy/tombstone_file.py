"""The files of tombstones: ``.workbench/tombstones.json``, and a copy outside the workspace that survives backups.

The marks use a key derived from the vault's key. Source ids are also marked with a random key of the workspace, so that
a run without the vault's key recognises them; that key is stored with the marks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workbench.core.errors import DataError, Fault
from workbench.core.files import digest_json, write_text
from workbench.intake.identity.vault import VaultKey, find_key
from workbench.intake.privacy.tombstones import Tombstones

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = [
    "DERIVED_VARIABLE", "OUTSIDE_VARIABLE", "add_marks", "derived_key", "marking_keys", "read_tombstones",
    "replace_vault_key", "sync_tombstones", "tombstone_digest", "tombstone_environment", "tombstones_path",
]  # fmt: skip

OUTSIDE_VARIABLE = "WORKBENCH_TOMBSTONES"
DERIVED_VARIABLE = "WORKBENCH_TOMBSTONE_KEY"  # hex; for the kernel of 01, which does not get the vault's key
_WORKSPACE, _DOMAIN, _KEY_BYTES, _NONCE_BYTES = "workspace", "tombstones", 32, 12


def tombstones_path(workspace: Workspace) -> Path:
    """Return the path of the tombstone file in the workspace."""
    return workspace.lock.parent / "tombstones.json"


def derived_key(key: VaultKey | None) -> bytes:
    """Return the tombstone key derived from a vault's key; without one the key from the environment."""
    if key is not None:
        return key.derive(_DOMAIN)
    text = os.environ.get(DERIVED_VARIABLE, "")
    return bytes.fromhex(text) if text else b""


def read_tombstones(workspace: Workspace, profile: str) -> Tombstones:
    """Return the tombstones with the available keys: that of the workspace, and those of the vault if it is set.

    Raises
    ------
    DataError
        A tombstone file cannot be read; data must not be read without it.
    """
    content = _merged(workspace)
    keys = _keys(content, derived_key(find_key(workspace)))
    marks = {name: frozenset(entries) for name, entries in content["marks"].items()}
    unchecked = sum(len(entries) for name, entries in marks.items() if name not in keys)
    return Tombstones(profile, keys, marks, unchecked)


def tombstone_digest(workspace: Workspace) -> str:
    """Return the digest of all marks; empty if nobody was erased."""
    marks = _merged(workspace)["marks"]
    return digest_json({name: sorted(entries) for name, entries in marks.items()}) if any(marks.values()) else ""


def sync_tombstones(workspace: Workspace) -> int:
    """Merge the files inside and outside the workspace and write both; return the number of marks new inside.

    After a restored backup the file outside has more marks than the one inside.
    """
    merged, own = _merged(workspace), _content(tombstones_path(workspace), workspace)
    before = sum(len(entries) for entries in own["marks"].values())
    after = sum(len(entries) for entries in merged["marks"].values())
    if after:
        _write_all(workspace, merged)
    return after - before


def marking_keys(workspace: Workspace, key: VaultKey | None) -> dict[str, bytes]:
    """Return the keys for new marks: the workspace's key for ids, the vault's key for all values."""
    content = _merged(workspace)
    own = content["own"]
    if not tombstones_path(workspace).is_file():
        _write_all(workspace, content)  # otherwise the next call would create another key
    return {own: bytes.fromhex(content["own_keys"][own])} | ({_of_vault(key): derived_key(key)} if key else {})


def add_marks(workspace: Workspace, marks: Mapping[str, Iterable[str]]) -> None:
    """Add marks (key name to marks) inside and outside the workspace."""
    content = _merged(workspace)
    for name, fresh in marks.items():
        content["marks"][name] = sorted({*content["marks"].get(name, ()), *fresh})
    _write_all(workspace, content)


def tombstone_environment(workspace: Workspace) -> dict[str, str]:
    """Return the environment in which 01 recognises erased people: a derived key, never the vault's key itself."""
    if not tombstones_path(workspace).is_file():
        return {}
    derived = derived_key(find_key(workspace))
    return {DERIVED_VARIABLE: derived.hex()} if derived else {}


def replace_vault_key(workspace: Workspace, old: VaultKey, new: VaultKey) -> None:
    """Keep the tombstone key of an old vault key, for checking only, encrypted with the new one."""
    content = _merged(workspace)
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(derived_key(new)).encrypt(nonce, derived_key(old), _DOMAIN.encode())
    content["sealed"][_of_vault(old)] = base64.b64encode(nonce + sealed).decode()
    _write_all(workspace, content)


def _of_vault(key: VaultKey) -> str:
    return _name_of(derived_key(key))


def _name_of(derived: bytes) -> str:
    """Return the name of a derived key, which identifies its marks."""
    return f"vault {hashlib.sha256(derived).hexdigest()[:16]}"


def _keys(content: Mapping[str, Any], derived: bytes) -> dict[str, bytes]:
    """Return the available keys by name; older keys of the vault are decrypted with newer ones."""
    keys = {name: bytes.fromhex(value) for name, value in content["own_keys"].items()}
    if not derived:
        return keys
    pending, opened = [derived], {_name_of(derived): derived}
    while pending:
        opener = pending.pop()
        for name, sealed in content["sealed"].items():
            raw = base64.b64decode(sealed)
            try:
                older = AESGCM(opener).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _DOMAIN.encode())
            except InvalidTag:
                continue
            if name not in opened:
                opened[name] = older
                pending.append(older)
    return keys | opened


def _merged(workspace: Workspace) -> dict[str, Any]:
    own = _content(tombstones_path(workspace), workspace)
    outside = _outside(workspace)
    for path in [outside] if outside is not None else []:
        other = _content(path, workspace, make=False)
        for name in ("own_keys", "sealed"):
            own[name] = other[name] | own[name]
        for name, entries in other["marks"].items():
            own["marks"][name] = sorted({*own["marks"].get(name, ()), *entries})
    return own


def _content(path: Path, workspace: Workspace, *, make: bool = True) -> dict[str, Any]:
    if not path.is_file():
        key = secrets.token_bytes(_KEY_BYTES)
        name = f"{_WORKSPACE} {hashlib.sha256(key).hexdigest()[:8]}"
        return {"own": name, "own_keys": {name: key.hex()} if make else {}, "sealed": {}, "marks": {}}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not {"own", "own_keys", "sealed", "marks"} <= set(content):
            raise ValueError("keys are missing")
    except (OSError, ValueError) as error:
        place = workspace.relative(path) if path.is_relative_to(workspace.root) else OUTSIDE_VARIABLE
        remedy = "Restore it from a copy: without it erased people would come back"
        raise DataError(Fault(place, f"the file of tombstones cannot be read ({error})", "", remedy)) from None
    return content


def _outside(workspace: Workspace) -> Path | None:
    text = os.environ.get(OUTSIDE_VARIABLE)
    if not text:
        return None
    path = Path(text).expanduser()
    if path.resolve().is_relative_to(workspace.root):
        remedy = "Name a file outside the workspace, so that a restored backup does not replace it"
        raise DataError(Fault(OUTSIDE_VARIABLE, "the file it names lies inside the workspace", "", remedy))
    return path


def _write_all(workspace: Workspace, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    path = tombstones_path(workspace)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    outside = _outside(workspace)
    for place in [outside, path] if outside is not None else [path]:
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            write_text(place, text, mode=0o600)
