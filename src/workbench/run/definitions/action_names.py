"""The names of the actions that a profile plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.actions.catalogue import action_paths, read_actions

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["action_names"]


def action_names(workspace: Workspace, profile: Profile) -> dict[str, dict[str, str]]:
    """Return the names of a profile's actions by language; actions without a file are left out."""
    paths = action_paths(workspace)
    names = [name for name in profile.sections["11_plan_actions"].actions if name in paths]
    return {name: action.label.model_dump() for name, action in read_actions(workspace, names).items()}
