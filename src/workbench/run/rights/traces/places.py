"""The files of a workspace that may contain personal data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["KEPT", "is_vault", "workspace_files"]

_CODE = {"src", "tests", "docs", "benchmarks", ".git", ".venv", ".ci", ".ruff_cache", ".mypy_cache", ".pytest_cache",
         "node_modules", "__pycache__", ".github"}  # fmt: skip
# files in .workbench without personal data, or needed by an erasure itself
KEPT = ("lock", "lock.json", "audit.jsonl", "audit.key", "audit.lock", "tombstones.json", "code_index.json",
        "requests.json")  # fmt: skip
JOURNALS = "erasures"


def workspace_files(workspace: Workspace) -> Iterator[Path]:
    """Yield every file of the workspace that may contain personal data; not code or files of the erasure itself."""
    for top in sorted(workspace.root.iterdir()):
        if top.name in _CODE:
            continue
        if top.is_file() and not top.is_symlink():
            yield top
        elif top.is_dir() and not top.is_symlink():
            yield from _below(top, workspace)


def _below(folder: Path, workspace: Workspace) -> Iterator[Path]:
    private_folder = workspace.lock.parent
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or (folder == private_folder and path.name in (*KEPT, JOURNALS)):
            continue
        if path.is_dir():
            yield from _below(path, workspace) if path.name != "__pycache__" else ()
        elif path.is_file():
            yield path


def is_vault(path: Path) -> bool:
    """Return whether a file is an encrypted vault."""
    return path.name == "vault.parquet"
