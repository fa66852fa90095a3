"""Update the manifests of stages and plans after an erasure rewrote or removed their files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.files import digest_file, write_json
from workbench.core.store.rewriting import digest_content
from workbench.core.store.sealed import KEPT_MANIFEST, MANIFEST, read_manifest
from workbench.core.store.tables import Store
from workbench.run.artifacts.manifest import summary_digest

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["refresh_manifests"]


def refresh_manifests(workspace: Workspace, touched: Iterable[str]) -> None:
    """Recompute the digests of touched files only, and write them into their manifests.

    A stage with changed tables gets new content digests, so that later stages run again.
    """
    by_folder: dict[Path, list[Path]] = {}
    for path in (workspace.root / name for name in touched):
        if (path.parent / KEPT_MANIFEST).is_file():
            by_folder.setdefault(path.parent, []).append(path)
            continue
        folder = next((parent for parent in path.parents if (parent / MANIFEST).is_file()), None)
        if folder is not None and folder.is_relative_to(workspace.root / "data"):
            by_folder.setdefault(folder, []).append(path)
    for folder, paths in by_folder.items():
        if (folder / KEPT_MANIFEST).is_file():
            _refresh_kept(workspace, folder, paths)
            continue
        manifest = read_manifest(folder)
        if "files" in manifest:
            _refresh_stage(workspace, folder, manifest, paths)
        elif "digests" in manifest:
            digests = manifest["digests"] | {
                path.name: digest_file(path) for path in paths if path.name in manifest["digests"]
            }
            write_json(folder / MANIFEST, manifest | {"digests": digests})
            (folder / MANIFEST).chmod(0o600)


def _refresh_kept(workspace: Workspace, folder: Path, paths: list[Path]) -> None:
    """Update the table digests of a kept run, so that stages that compare with it run again."""
    manifest = json.loads((folder / KEPT_MANIFEST).read_text(encoding="utf-8"))
    store = Store(workspace, folder.parents[1].name)
    tables = [path for path in paths if path.stem in manifest["tables"] and path.is_file()]
    manifest["tables"] |= {path.stem: digest_content(store, path)[0] for path in tables}
    write_json(folder / KEPT_MANIFEST, manifest)


def _refresh_stage(workspace: Workspace, folder: Path, manifest: dict[str, Any], paths: list[Path]) -> None:
    summary_path = folder / "summary.json"
    summary = json.loads(summary_path.read_text(encoding="utf-8"))
    profile = next(
        (part for part, above in zip(folder.parts[1:], folder.parts, strict=False) if above == "processed"), ""
    )
    store = Store(workspace, profile)
    for path in paths:
        name = path.relative_to(folder).as_posix()
        if name not in manifest["files"]:
            continue
        if not path.is_file():
            del manifest["files"][name]
            continue
        manifest["files"][name] = digest_file(path)
        if path.suffix == ".parquet" and path.stem in manifest["tables"]:
            digest, rows = digest_content(store, path)
            manifest["tables"][path.stem] = digest
            if path.stem in summary.get("tables", {}):
                summary["tables"][path.stem] |= {"digest": digest, "rows": rows}
    write_json(summary_path, summary)
    manifest["files"]["summary.json"] = digest_file(summary_path)
    manifest["summary"] = summary_digest(summary)
    write_json(folder / MANIFEST, manifest)
