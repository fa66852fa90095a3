"""The manifest of a stage: what its result depends on and which files it wrote; written last."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.files import digest_file, digest_json, write_json

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = [
    "MANIFEST",
    "is_current",
    "read_manifest",
    "reported_digest",
    "summary_digest",
    "table_digests",
    "write_manifest",
]

MANIFEST = "manifest.json"
_VOLATILE = ("run_id", "seconds", "seconds_by")


def write_manifest(
    folder: Path, key: Mapping[str, Any] | None, summary: Mapping[str, Any], reads: Mapping[str, Any] | None = None
) -> None:
    """Write the manifest of a staged stage.

    Parameters
    ----------
    folder : Path
        The staging folder; every file in it is listed, with its digest unless it is a table.
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
        "files": {path.relative_to(folder).as_posix(): _file_digest(path) for path in files},
    }
    write_json(folder / MANIFEST, content)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a manifest; empty if there is none or it is incomplete."""
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def is_current(folder: Path, key: Mapping[str, Any]) -> bool:
    """Say whether a published stage has exactly this key and unchanged files.

    Figures, summaries and pages are compared by content. Tables only need to exist: they are published by a rename,
    and the manifest holds the digest of their content.
    """
    manifest = read_manifest(folder)
    if manifest.get("key") != digest_json(key):
        return False
    return all(_is_unchanged(folder / name, digest) for name, digest in manifest["files"].items())


def _file_digest(path: Path) -> str:
    """Digest a file's bytes; not those of a table, which may be large and has a content digest."""
    return "" if path.suffix == ".parquet" else digest_file(path)


def _is_unchanged(path: Path, digest: str) -> bool:
    return path.is_file() and _file_digest(path) == digest


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
    """Say whether a published table is that of this stage; an own table can pass from one notebook to another."""
    return not link.is_symlink() or os.readlink(link).split("/")[1] == stage


def reported_digest(manifest: Mapping[str, Any]) -> str | None:
    """Digest what a stage contributes to the report: its summary and figures; None if there is no summary."""
    if "summary" not in manifest:
        return None
    pictures = {name: digest for name, digest in manifest["files"].items() if name.startswith("figures/")}
    return digest_json([manifest["summary"], pictures])


def summary_digest(summary: Mapping[str, Any]) -> str:
    """Digest a summary without the run id and the durations."""
    return digest_json({name: value for name, value in summary.items() if name not in _VOLATILE})
