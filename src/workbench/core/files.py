"""Write files so that a crash leaves either the old or the new content, never a part of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = [
    "PRIVATE_UMASK",
    "digest_file",
    "digest_json",
    "fsync_tree",
    "point_to",
    "publish_folder",
    "write_file",
    "write_json",
    "write_text",
]

PRIVATE_UMASK = 0o077  # umask of every process of the workbench: new files have 0600, new folders 0700
_PRIVATE_FILE = 0o600
_BLOCK_BYTES = 1 << 20


def write_text(path: Path, text: str, *, mode: int | None = None) -> Path:
    """Write a text file atomically; see :func:`write_file`."""

    def write(target: Path) -> None:
        target.write_text(text, encoding="utf-8", newline="\n")

    return write_file(path, write, mode=mode)


def write_file(path: Path, write: Callable[[Path], object], *, mode: int | None = None) -> Path:
    """Write a file atomically: write a temporary file in the same folder, fsync, rename.

    Parameters
    ----------
    path : Path
        The folder is created if missing.
    write : callable
        Function that writes the content to a path.
    mode : int, optional
        Permission bits; default: readable by the owner only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(Path(name))
        with open(name, "rb") as stream:
            os.fsync(stream.fileno())
        os.chmod(name, mode if mode is not None else _PRIVATE_FILE)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _fsync_folder(path.parent)
    return path


def write_json(path: Path, content: Any) -> Path:
    """Write JSON atomically, with keys in their order; NaN is an error."""
    return write_text(path, json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_json(content: Any) -> str:
    """Return the SHA-256 of a JSON-serialisable value in canonical form."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def fsync_tree(folder: Path) -> None:
    """Flush every file and folder below a folder to the disk."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root) / name
            if not path.is_symlink():
                with path.open("rb") as stream:
                    os.fsync(stream.fileno())
        _fsync_folder(Path(root))


def publish_folder(staging: Path, target: Path) -> Path:
    """Publish a finished staging folder by one rename.

    If the target exists it is kept and the staging folder removed: targets are named by digest or run, so the content
    is the same.
    """
    fsync_tree(staging)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(staging)
    else:
        os.rename(staging, target)
        _fsync_folder(target.parent)
    return target


def point_to(link: Path, target: str) -> None:
    """Make a symbolic link point to a relative target, atomically."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and os.readlink(link) == target:
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)
    _fsync_folder(link.parent)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
