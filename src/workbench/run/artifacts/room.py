"""Disk space reserved to record a run that failed because the disk was full."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, StageError

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["make_room", "reserve_room"]

_BYTES = 8 << 20  # the last report with its pages, the summary, and what tracking writes


def reserve_room(workspace: Workspace) -> None:
    """Reserve 8 MB of disk space in a file that a failed run can delete.

    Raises
    ------
    StageError
        The disk has less free space than that.
    """
    path = _reserve(workspace)
    if path.is_file() and path.stat().st_size == _BYTES:
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(handle, 0, _BYTES)
    except OSError as error:
        path.unlink(missing_ok=True)
        problem = f"less than {_BYTES >> 20} MB are free ({error.strerror})"
        raise StageError(Fault("disk", problem, "", "Free some space; nothing was changed")) from None
    finally:
        os.close(handle)


def make_room(workspace: Workspace, profile: str, run_id: str) -> None:
    """Delete the reserve and the staged files of a failed run, so that its failure can be recorded."""
    _reserve(workspace).unlink(missing_ok=True)
    for staged in (workspace.processed(profile) / ".staging").glob(f"{run_id}-*"):
        shutil.rmtree(staged, ignore_errors=True)
    shutil.rmtree(workspace.reports(profile) / f".staging-{run_id}", ignore_errors=True)


def _reserve(workspace: Workspace) -> Path:
    return workspace.lock.with_name("reserve")
