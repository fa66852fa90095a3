"""The audit log: one line per export or opened vault, chained so that changes are detected.

A line of ``.workbench/audit.jsonl`` holds its number, the time, the operating system's user, the event, its facts
(counts and names of profiles, plans and files, no customer), the SHA-256 of the line before, and an HMAC-SHA-256 of all
that. The key of the HMAC is derived from the vault's key if one is set; otherwise it is a random key of the workspace.
If ``WORKBENCH_AUDIT_HEAD`` names a file outside the workspace, that file keeps the line count and the last digest.
"""

from __future__ import annotations

import datetime as dt
import getpass
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_text
from workbench.intake.identity.vault import find_key

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.intake.identity.vault import VaultKey

__all__ = ["EVENTS", "HEAD_VARIABLE", "Verdict", "append_audit", "audit_path", "verify_audit"]

HEAD_VARIABLE = "WORKBENCH_AUDIT_HEAD"
EVENTS = (
    "export", "vault_opened", "card", "erasure", "correction", "restriction", "promotion", "schedule", "retention",
)  # fmt: skip
_VAULT, _WORKSPACE = "vault", "workspace"  # whose key made the HMAC of a line
_DOMAIN, _KEY_BYTES, _START = "audit", 32, "0" * 64
_KEYS = ("number", "at", "by", "event", "facts", "previous", "key", "mac")


@dataclass
class Verdict:
    """The result of a check of the audit log.

    Attributes
    ----------
    lines : int
        Lines of the log.
    changed : list of (int, str)
        Number of a line (from 1; 0: the whole log) and the key of a text that says what is wrong: not_a_line,
        order, chain, mac, shorter, head, head_unreadable, no_workspace_key.
    unchecked : int
        Lines whose HMAC cannot be checked because the vault's key is not set.
    own_key : int
        Lines whose HMAC uses the workspace's own key; anybody who can read the folder could forge them.
    head : bool
        Whether the length and the last line were compared with a copy outside the workspace.
    """

    lines: int = 0
    changed: list[tuple[int, str]] = field(default_factory=list)
    unchecked: int = 0
    own_key: int = 0
    head: bool = False


def audit_path(workspace: Workspace) -> Path:
    """Return the path of the audit log."""
    return workspace.lock.parent / "audit.jsonl"


def append_audit(workspace: Workspace, event: str, **facts: Any) -> dict[str, Any]:
    """Append a line to the audit log and flush it to the disk; return it.

    Parameters
    ----------
    workspace : Workspace
    event : str
        One of ``EVENTS``.
    **facts
        Names and counts; never a value of a customer.

    Raises
    ------
    DataError
        The file named by ``WORKBENCH_AUDIT_HEAD`` lies inside the workspace, or it does not match the end of the log:
        a truncated log is not continued.
    ValueError
        An unknown event.
    """
    if event not in EVENTS:
        raise ValueError(f"unknown event {event!r}; known are {', '.join(EVENTS)}")
    with _held(workspace):
        path, head = audit_path(workspace), _head_path(workspace)
        number, previous, torn = _end_of(path)
        if head is not None and head.exists() and _compare(_lines(path), _read_head(head)):
            problem = f"the audit log does not end as {HEAD_VARIABLE} says"
            remedy = "Look into it with 'workbench audit verify'; then move that file away to begin a new one"
            raise DataError(Fault(workspace.relative(path), problem, "A log that was not changed", remedy))
        vault_key = find_key(workspace)
        entry: dict[str, Any] = {
            "number": number + 1, "at": dt.datetime.now(dt.UTC).isoformat("T", "seconds"), "by": _user(),
            "event": event, "facts": facts, "previous": previous, "key": _VAULT if vault_key else _WORKSPACE,
        }  # fmt: skip
        key = vault_key.derive(_DOMAIN) if vault_key else _workspace_key(workspace, make=True)
        entry["mac"] = _mac(key, entry)
        line = (json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        _write_head(head, number, previous, coming=_digest(line))
        _append(path, (b"\n" if torn else b"") + line)
        _write_head(head, number + 1, _digest(line))
    return entry


def verify_audit(workspace: Workspace) -> Verdict:
    """Check every line of the audit log, the chain between lines, and the copy of its end outside the workspace.

    Without the copy a truncated or removed log is not detected. Without the vault's key a line whose HMAC uses it is
    checked by the chain only.

    Raises
    ------
    DataError
        ``WORKBENCH_AUDIT_HEAD`` names a file inside the workspace, or the vault's key is malformed.
    """
    head_path = _head_path(workspace)
    with _held(workspace):
        lines = _lines(audit_path(workspace))
        head = _read_head(head_path)
    verdict = Verdict(lines=len(lines), head=head_path is not None)
    keys = _Keys(workspace)
    previous = _START
    for number, line in enumerate(lines, start=1):
        fault = _fault(line, number, previous, keys, verdict)
        if fault:
            verdict.changed.append((number, fault))
        previous = _digest(line)
    if head_path is not None:
        verdict.changed += _compare(lines, head)
    return verdict


class _Keys:
    """The HMAC keys, read once."""

    def __init__(self, workspace: Workspace):
        vault: VaultKey | None = find_key(workspace)
        workspace_key = _workspace_key(workspace, make=False)
        self.by_name = {_VAULT: vault.derive(_DOMAIN) if vault else b"", _WORKSPACE: workspace_key}


def _fault(line: bytes, number: int, previous: str, keys: _Keys, verdict: Verdict) -> str:
    """Return the text key of what is wrong with a line; empty if it is valid."""
    entry = _entry(line, keys)
    if entry is None:
        return "not_a_line"
    verdict.own_key += entry["key"] == _WORKSPACE
    if (entry["number"], entry["previous"]) != (number, previous):
        return "order" if entry["number"] != number else "chain"
    key, mac = keys.by_name[entry["key"]], str(entry.pop("mac"))
    if key:
        return "" if hmac.compare_digest(_mac(key, entry).encode(), mac.encode()) else "mac"
    if entry["key"] == _WORKSPACE:
        return "no_workspace_key"
    verdict.unchecked += 1
    return ""


def _entry(line: bytes, keys: _Keys) -> dict[str, Any] | None:
    """Return the content of a line; None if it is not a valid audit line."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    valid = isinstance(entry, dict) and tuple(entry) == _KEYS and entry["key"] in keys.by_name
    return entry if valid and line.endswith(b"\n") else None


def _compare(lines: list[bytes], head: dict[str, Any] | None) -> list[tuple[int, str]]:
    """Compare the end of the log with its copy; an append interrupted between the two writes is accepted."""
    if head is None:
        return [(0, "head_unreadable")] if lines else []
    length, digest = len(lines), _digest(lines[-1]) if lines else _START
    if (length, digest) == (head.get("length"), head.get("digest")):
        return []
    if length == head.get("length", -2) + 1 and digest == head.get("coming"):
        before = _digest(lines[-2]) if length > 1 else _START
        return [] if before == head.get("digest") else [(length, "head")]
    return [(0, "shorter")] if length < head.get("length", 0) else [(length, "head")]


@contextmanager
def _held(workspace: Workspace) -> Iterator[None]:
    """Lock the log; its folder is created private."""
    folder = audit_path(workspace).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with FileLock(folder / "audit.lock", mode=0o600, is_singleton=False):
        yield


def _append(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.is_file() else []


def _end_of(path: Path) -> tuple[int, str, bool]:
    """Return the number of lines, the digest of the last one, and whether it was cut off."""
    lines = _lines(path)
    if not lines:
        return 0, _START, False
    torn = not lines[-1].endswith(b"\n")
    return len(lines), _digest(lines[-1] + b"\n" if torn else lines[-1]), torn


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _mac(key: bytes, entry: dict[str, Any]) -> str:
    text = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, text.encode(), "sha256").hex()


def _workspace_key(workspace: Workspace, *, make: bool) -> bytes:
    path = audit_path(workspace).with_name("audit.key")
    if not path.is_file():
        if not make:
            return b""
        write_text(path, secrets.token_hex(_KEY_BYTES), mode=stat.S_IRUSR | stat.S_IWUSR)
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        return b""


def _head_path(workspace: Workspace) -> Path | None:
    text = os.environ.get(HEAD_VARIABLE)
    if not text:
        return None
    path = Path(text).expanduser()
    if path.resolve().is_relative_to(workspace.root):
        remedy = "Name a file outside the workspace that others who use it cannot change"
        raise DataError(Fault(HEAD_VARIABLE, "the file it names lies inside the workspace", "", remedy))
    return path


def _read_head(path: Path | None) -> dict[str, Any] | None:
    try:
        head = json.loads(path.read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError):
        return None
    return head if isinstance(head, dict) else None


def _write_head(path: Path | None, length: int, digest: str, *, coming: str = "") -> None:
    """Write the line count and the last digest to the copy; before an append also the digest of the coming line."""
    if path is not None:
        head = {"length": length, "digest": digest} | ({"coming": coming} if coming else {})
        write_text(path, json.dumps(head) + "\n", mode=0o600)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
