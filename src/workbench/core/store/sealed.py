"""Integrity of published files: their bytes are compared with the manifest before they are used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from workbench.core.errors import DataError, Fault
from workbench.core.files import digest_file, write_json

__all__ = [
    "KEPT_MANIFEST", "MANIFEST", "changed_fault", "changed_files", "check_published", "read_manifest", "seal_again",
]  # fmt: skip

MANIFEST, KEPT_MANIFEST = "manifest.json", "run.json"  # manifest of a published stage, and of a saved run


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a published stage; empty if there is none or it is incomplete."""
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def changed_files(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Return the files of a folder whose digest differs from the manifest; missing files are not listed.

    Parameters
    ----------
    folder : Path
    files : mapping of str to str
        Path within the folder to SHA-256; files with an empty digest are not compared.
    """
    paths = {name: folder / name for name, digest in files.items() if digest}
    return [name for name, path in paths.items() if path.is_file() and _digest(path) != files[name]]


def check_published(*paths: Path) -> None:
    """Check files of published stages against the manifest in their folder, before they are used.

    Parameters
    ----------
    *paths : Path
        Links are followed. Files not listed in a manifest are not checked.

    Raises
    ------
    DataError
        When files were changed after they were published; all are listed.
    """
    faults = []
    for path in (path.resolve() for path in paths):
        files = read_manifest(path.parent).get("files", {})
        if path.name in files and changed_files(path.parent, {path.name: files[path.name]}):
            faults.append(changed_fault(path))
    if faults:
        raise DataError(faults)


def changed_fault(path: Path) -> Fault:
    """Return the fault of a file that was changed after it was published: ``.stages/<stage>/<run>/<file>``."""
    stage, name = path.parts[path.parts.index(".stages") + 1 :][0], path.name
    found = f"{name} of {stage} was changed after it was published"
    remedy = f"Restore it from a copy, or run again with --from {stage} --force"
    return Fault(stage, found, "The bytes that its manifest states (SHA-256)", remedy)


def seal_again(folder: Path) -> None:
    """Update the digests in a published stage's manifest, after the workbench itself has rewritten some files.

    Deleted files are removed from the manifest; no file is added.
    """
    manifest = read_manifest(folder)
    files = {name: folder / name for name in manifest["files"]}
    manifest["files"] = {name: digest_file(path) for name, path in files.items() if path.is_file()}
    write_json(folder / MANIFEST, manifest)


def _digest(path: Path) -> str:
    state = path.stat()
    return _digest_once(path, state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino)


@cache
def _digest_once(path: Path, *_state: int) -> str:
    """Return the digest of a file, computed once per process unless the file's size or time has changed."""
    return digest_file(path)
