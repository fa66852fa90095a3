"""One run at a time per workspace: a lock that names its holder and is freed when the holder dies."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from workbench.core.errors import Fault, WorkspaceBusyError
from workbench.core.files import PRIVATE_UMASK, write_json
from workbench.run.artifacts.modes import close_to_others

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["hold_workspace", "holder", "is_held"]


@contextmanager
def hold_workspace(workspace: Workspace, what: str, *, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the workspace while the block runs.

    The operating system frees the lock when its owner dies, so the next run can take it; the note next to the lock
    file (pid, host, start, what) is used in messages only.

    Parameters
    ----------
    workspace : Workspace
    what : str
        The command that holds it, shown to other processes.
    wait_seconds : float
        How long to wait for the lock.

    Raises
    ------
    WorkspaceBusyError
        Another live process holds it; the message names pid, host and start.
    """
    umask = os.umask(PRIVATE_UMASK)
    try:
        with _acquired(workspace, what, wait_seconds):
            yield
    finally:
        os.umask(umask)


@contextmanager
def _acquired(workspace: Workspace, what: str, wait_seconds: float) -> Iterator[None]:
    workspace.lock.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(workspace.lock, timeout=wait_seconds, is_singleton=False)
    try:
        lock.acquire()
    except Timeout:
        note = holder(workspace)
        process = f"pid {note.get('pid')}, host {note.get('host')}, since {note.get('start')}"
        problem = f"the workspace is held by {note.get('what', 'another run')} ({process})"
        raise WorkspaceBusyError(Fault("", problem, "One run at a time", "Wait for it, or stop that process")) from None
    try:
        close_to_others(workspace)
        start = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(_note(workspace), {"pid": os.getpid(), "host": socket.gethostname(), "start": start, "what": what})
        yield
    finally:
        lock.release()


def is_held(workspace: Workspace) -> bool:
    """Return whether a live process holds the workspace; never create the lock file."""
    if not workspace.lock.is_file():
        return False
    lock = FileLock(workspace.lock, timeout=0, is_singleton=False)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


def holder(workspace: Workspace) -> dict[str, Any]:
    """Return pid, host, start and command of the last holder of the lock; empty if there is none."""
    try:
        return json.loads(_note(workspace).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _note(workspace: Workspace) -> Path:
    return workspace.lock.with_suffix(".json")
