"""Read the actions of a workspace: ``params/actions/*.yaml``, one file per action."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from workbench.core.actions.definition import Action, Content, Gain, Occasion
from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.section import Words
from workbench.core.yaml_lines import MarkedYaml, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.section import Section
    from workbench.core.workspace import Workspace

__all__ = ["action_paths", "read_actions"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_PARTS: dict[str, type[Section]] = {
    "gain": Gain, "content": Content, "occasion": Occasion, "label": Words, "neutral_alternative": Words, "text": Words,
}  # fmt: skip


def action_paths(workspace: Workspace) -> dict[str, Path]:
    """Return the files of params/actions, by name."""
    return {path.stem: path for path in sorted((workspace.params / "actions").glob("*.yaml"))}


def read_actions(workspace: Workspace, names: Sequence[str]) -> dict[str, Action]:
    """Read actions by name; report all errors together.

    Parameters
    ----------
    workspace : Workspace
        Contains ``params/actions/<name>.yaml``.
    names : sequence of str

    Returns
    -------
    dict of str to Action
        In the order of ``names``.

    Raises
    ------
    ProfileError
        When an action has no file (with the most similar name), is listed twice or has an invalid name; for unknown
        keys and wrong values, each with its line.
    """
    paths, faults = action_paths(workspace), []
    actions: dict[str, Action] = {}
    for position, name in enumerate(names):
        if name in names[:position]:
            faults.append(Fault("11_plan_actions.actions", f"'{name}' is named twice", "", "Name each action once"))
        elif name not in paths:
            remedy = did_you_mean(name, paths) if paths else f"Write params/actions/{name}.yaml"
            faults.append(Fault("11_plan_actions.actions", f"no action '{name}' in params/actions", "", remedy))
        else:
            faults += _read(paths[name], workspace.relative(paths[name]), actions)
    if faults:
        raise ProfileError(faults)
    return actions


def _read(path: Path, label: str, actions: dict[str, Action]) -> list[Fault]:
    """Read one file into ``actions``; return its errors."""
    if not _NAME.fullmatch(path.stem):
        return [Fault(label, f"the file name '{path.stem}'", "Lower-case letters, digits and _", "Rename it")]
    try:
        marked = read_yaml(path, label)
    except ProfileError as error:
        return error.faults
    if "name" in marked.content:
        where = f"{label}, line {marked.line(('name',))}"
        return [Fault(where, "unknown key 'name'", "", "An action is named by its file; put its title into label")]
    try:
        actions[path.stem] = Action.model_validate({"name": path.stem, **marked.content})
    except ValidationError as error:
        return [_explain(details, marked, label) for details in error.errors()]
    return []


def _explain(error: Mapping[str, Any], marked: MarkedYaml, label: str) -> Fault:
    trail = tuple(part for part in error["loc"] if part not in ("str", "dict[str,any]"))
    where, name = f"{label}, line {marked.line(trail)}", ".".join(str(part) for part in trail)
    if error["type"] == "missing":
        return Fault(where, f"no {name}", "", f"Add {name}")
    if error["type"] == "extra_forbidden":
        owner = next((_PARTS[part] for part in reversed(trail[:-1]) if part in _PARTS), Action)
        keys = [key for key in owner.model_fields if key != "name"]
        return Fault(where, f"unknown key '{name}'", "", did_you_mean(str(trail[-1]), keys))
    message = error["msg"].removeprefix("Value error, ")
    subject = f"{name} is {error['input']!r}: " if name and not isinstance(error["input"], (dict, list)) else ""
    return Fault(where, f"{subject}{message}" if subject or not name else f"{name}: {message}")
