"""The audience rules of a workspace, one YAML file per rule in params/audiences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.analysis.audiences.rule import Audience, parse_audience, parse_expression
from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.yaml_lines import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["audience_paths", "inline_rule", "named_rules", "read_rule", "rule_of"]


def audience_paths(workspace: Workspace) -> dict[str, Path]:
    """Return rule name to path, for the files in params/audiences."""
    return {path.stem: path for path in sorted((workspace.params / "audiences").glob("*.yaml"))}


def named_rules(workspace: Workspace) -> dict[str, Audience]:
    """Return rule name to audience, for the files in params/audiences."""
    return {name: read_rule(workspace, path) for name, path in audience_paths(workspace).items()}


def read_rule(workspace: Workspace, path: Path) -> Audience:
    """Read a rule from a YAML file of the workspace."""
    label = workspace.relative(path)
    content = read_yaml(path, label).content
    return parse_audience({"audience": path.stem, **content}, where=label)


def rule_of(workspace: Workspace, text: str) -> Audience:
    """Return the rule of params/audiences with this name, or parse an expression.

    Raises
    ------
    ProfileError
        A single word that is not the name of a rule; the nearest name is suggested.
    """
    paths = audience_paths(workspace)
    if text in paths:
        return read_rule(workspace, paths[text])
    if text.isidentifier():
        problem, remedy = f"no rule '{text}' in params/audiences", did_you_mean(text, [*paths])
        raise ProfileError(Fault("audience", problem, "A rule's name, a YAML file, or an expression", remedy))
    return parse_expression(text)


def inline_rule(workspace: Workspace, rule: str | dict[str, Any]) -> Audience:
    """Return a rule written inside a YAML file: the name of a rule, an expression, or a clause."""
    return rule_of(workspace, rule.strip()) if isinstance(rule, str) else parse_audience({"audience": "rule", **rule})
