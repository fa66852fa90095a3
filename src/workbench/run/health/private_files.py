"""Doctor checks of private files: permissions, vault key, audit log, leftovers of dead runs, lock."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError
from workbench.core.workspace import PEOPLE
from workbench.intake.identity.vault import KEY_FILE_VARIABLE, find_key
from workbench.run.artifacts.audit import HEAD_VARIABLE, verify_audit
from workbench.run.artifacts.lock import hold_workspace, holder, is_held
from workbench.run.artifacts.publish import find_orphans, sweep_orphans
from workbench.run.health.line import Line, sound, to_fix

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["examine_private_files", "open_files"]

_FIX = "workbench doctor --fix"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE = stat.S_IWOTH
_PRIVATE = (".workbench", f"reports/*/*/{PEOPLE}", f"reports/*/{PEOPLE}", "data/interim/*/people.parquet",
            "data/interim/*/vault.parquet", "data/feedback")  # fmt: skip


def examine_private_files(workspace: Workspace) -> list[Line]:
    """Check the private files and the leftovers of dead runs."""
    return [_modes(workspace), _vault(workspace), _audit(workspace), _orphans(workspace), _lock(workspace)]


def open_files(workspace: Workspace) -> list[Path]:
    """Return the private files and folders that others may read, and those that anybody may write."""
    private = [path for pattern in _PRIVATE for top in workspace.root.glob(pattern) for path in _below(top)]
    lax = [path for path in private if stat.S_IMODE(path.lstat().st_mode) & _OTHERS]
    everything = (path for name in ("params", "notebooks", "data", "reports") for path in _below(workspace.root / name))
    lax += [path for path in everything if stat.S_IMODE(path.lstat().st_mode) & _WRITABLE]
    return sorted(set(lax))


def _below(top: Path) -> Iterator[Path]:
    if top.exists() and not top.is_symlink():
        yield top
        yield from (path for path in top.rglob("*") if not path.is_symlink())


def _modes(workspace: Workspace) -> Line:
    lax = open_files(workspace)
    if not lax:
        return sound("modes", "doctor_modes")
    repair = partial(_close, workspace)
    return to_fix("modes", "doctor_modes_open", _FIX, repair, count=len(lax), path=workspace.relative(lax[0]))


def _close(workspace: Workspace) -> None:
    private = {path for pattern in _PRIVATE for top in workspace.root.glob(pattern) for path in _below(top)}
    for path in open_files(workspace):
        mode = stat.S_IMODE(path.lstat().st_mode)
        path.chmod(mode & ~_OTHERS if path in private else mode & ~_WRITABLE)


def _vault(workspace: Workspace) -> Line:
    vaults = sorted(workspace.root.glob("data/interim/*/vault.parquet"))
    names = ", ".join(path.parent.name for path in vaults)
    try:
        key = find_key(workspace)
    except DataError as error:
        return to_fix(
            "vault", "doctor_vault_fault", f"export {KEY_FILE_VARIABLE}=...", fault=str(error.faults[0].found)
        )
    if vaults and key is None:
        return to_fix("vault", "doctor_vault_locked", f"export {KEY_FILE_VARIABLE}=...", names=names)
    if not vaults:
        return sound("vault", "doctor_vault_none")
    return sound("vault", "doctor_vault", names=names)


def _audit(workspace: Workspace) -> Line:
    try:
        verdict = verify_audit(workspace)
    except DataError as error:
        return to_fix("audit", "doctor_audit_fault", f"export {HEAD_VARIABLE}=...", fault=str(error.faults[0].found))
    if verdict.changed:
        return to_fix("audit", "doctor_audit_changed", "workbench audit verify", count=len(verdict.changed))
    return sound(
        "audit", "doctor_audit" if verdict.head or not verdict.lines else "doctor_audit_no_head", lines=verdict.lines
    )


def _orphans(workspace: Workspace) -> Line:
    orphans = find_orphans(workspace)
    if not orphans or is_held(workspace):  # staging folders of a running flow are no orphans
        return sound("orphans", "doctor_orphans_none")
    paths = [workspace.relative(path) for path in orphans]
    return to_fix("orphans", "doctor_orphans", _FIX, partial(_sweep, workspace), count=len(paths), path=paths[0])


def _sweep(workspace: Workspace) -> None:
    with hold_workspace(workspace, "workbench doctor --fix"):
        sweep_orphans(workspace)


def _lock(workspace: Workspace) -> Line:
    """Check the lock. The system frees the lock of a dead process, so only a live one can hold it too long."""
    if not is_held(workspace):
        return sound("lock", "doctor_lock_free")
    note = holder(workspace)
    pid, what = note.get("pid"), str(note.get("what", ""))
    values = {"what": what, "pid": str(pid), "since": str(note.get("start", ""))}
    if note.get("host") == os.uname().nodename and isinstance(pid, int) and not Path(f"/proc/{pid}").exists():
        return Line("lock", "doctor_lock_stale", values, "rm .workbench/lock")  # a file system that frees no locks
    return Line("lock", "doctor_lock_held", values)
