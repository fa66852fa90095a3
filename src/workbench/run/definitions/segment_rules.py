"""The rule files in params/segments, one per kind of segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.files import digest_file

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["rule_digests", "rule_files"]


def rule_files(workspace: Workspace) -> list[Path]:
    """Return the rule files, sorted by name."""
    return sorted((workspace.params / "segments").glob("*.yaml"))


def rule_digests(workspace: Workspace) -> dict[str, str]:
    """Return the digests of the rule files."""
    return {workspace.relative(path): digest_file(path) for path in rule_files(workspace)}
