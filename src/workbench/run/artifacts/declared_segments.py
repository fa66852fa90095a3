"""The kinds of segments declared in params/segments: demographic, behavioural, value, life cycle, as rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.analysis.segments.declared import declare
from workbench.core.files import digest_file
from workbench.core.yaml_lines import read_yaml

if TYPE_CHECKING:
    from workbench.analysis.segments.definition import SegmentDefinition
    from workbench.core.workspace import Workspace

__all__ = ["declared_kinds", "rule_digests"]


def declared_kinds(workspace: Workspace) -> list[SegmentDefinition]:
    """Read every rule file of params/segments, by name."""
    paths = sorted((workspace.params / "segments").glob("*.yaml"))
    return [declare(read_yaml(path, workspace.relative(path)).content) for path in paths]


def rule_digests(workspace: Workspace) -> dict[str, Any]:
    """Return the digests of the rule files."""
    paths = sorted((workspace.params / "segments").glob("*.yaml"))
    return {workspace.relative(path): digest_file(path) for path in paths}
