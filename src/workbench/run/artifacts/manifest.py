"""The manifest of a stage: its key and the digests of the files it wrote; written last."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault
from workbench.core.files import digest_file, digest_json, write_json
from workbench.core.store.sealed import MANIFEST, changed_fault, changed_files, read_manifest
from workbench.run.artifacts.context import stage_folder

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = [
    "MANIFEST",
    "changed_stages",
    "check_unchanged",
    "is_current",
    "read_manifest",
    "reported_digest",
    "summary_digest",
    "table_digests",
    "write_manifest",
]

_VOLATILE = ("run_id", "seconds", "seconds_by")


def write_manifest(
    folder: Path, key: Mapping[str, Any] | None, summary: Mapping[str, Any], reads: Mapping[str, Any] | None = None
) -> None:
    """Write the manifest of a stage into its staging folder.

    Parameters
    ----------
    folder : Path
        The staging folder; every file in it is listed with the SHA-256 of its bytes.
    key : mapping or None
        What the result depends on; None for a stage run by hand, which a flow never reuses.
    summary : mapping
    reads : mapping, optional
        What the stage read beyond its declaration, as in ``reads.json``.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    content = {
        "stage": summary["stage"],
        "run_id": summary["run_id"],
        "key": digest_json(key) if key is not None else None,
        "depends_on": key,
        "reads": dict(reads or {}),
        "tables": {name: table["digest"] for name, table in summary["tables"].items()},
        "summary": summary_digest(summary),
        "files": {path.relative_to(folder).as_posix(): digest_file(path) for path in files},
    }
    write_json(folder / MANIFEST, content)


def is_current(folder: Path, key: Mapping[str, Any]) -> bool:
    """Return whether a published stage has this key and all its files.

    Raises
    ------
    DataError
        The stage has this key, but its files were changed after they were published.
    """
    manifest = read_manifest(folder)
    files = manifest.get("files", {})
    if manifest.get("key") != digest_json(key) or not all(files.values()):
        return False
    if changes := _changes(folder):
        raise DataError(changes)
    return all((folder / name).is_file() for name in files)


def check_unchanged(workspace: Workspace, profile: str, stages: Iterable[str]) -> None:
    """Check that the files of published stages match their manifests, before anything reads them.

    Raises
    ------
    DataError
        Files were changed after they were published; all of them are named.
    """
    faults = [fault for stage in stages for fault in _changes(stage_folder(workspace, profile, stage))]
    if faults:
        raise DataError(faults)


def changed_stages(workspace: Workspace, profile: str, stages: Iterable[str]) -> list[str]:
    """Return the stages with a file that was changed after it was published."""
    return [stage for stage in stages if _changes(stage_folder(workspace, profile, stage))]


def _changes(folder: Path) -> list[Fault]:
    folder = folder.resolve()
    return [changed_fault(folder / name) for name in changed_files(folder, read_manifest(folder).get("files", {}))]


def table_digests(workspace: Workspace, profile: str) -> dict[str, str]:
    """Return the content digest of every published table, from the manifests of their writers."""
    digests: dict[str, str] = {}
    folder = workspace.processed(profile)
    for home in sorted((folder / ".stages").glob("*")):
        tables = read_manifest(home / "current").get("tables", {})
        digests |= {
            name: digest for name, digest in tables.items() if _is_published(folder / f"{name}.parquet", home.name)
        }
    return digests


def _is_published(link: Path, stage: str) -> bool:
    """Return whether this stage wrote a published table; another notebook can take over an ``own_`` table."""
    return not link.is_symlink() or os.readlink(link).split("/")[1] == stage


def reported_digest(manifest: Mapping[str, Any]) -> str | None:
    """Return the digest of a stage's summary and figures, its part of the report; None without a summary."""
    if "summary" not in manifest:
        return None
    pictures = {name: digest for name, digest in manifest["files"].items() if name.startswith("figures/")}
    return digest_json([manifest["summary"], pictures])


def summary_digest(summary: Mapping[str, Any]) -> str:
    """Return the digest of a summary, ignoring the run id and the durations."""
    return digest_json({name: value for name, value in summary.items() if name not in _VOLATILE})
