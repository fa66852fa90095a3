"""The faults of the content of actions, before any data is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.actions.content import content_faults
from workbench.analysis.tags.columns import ACCOUNT, ANSWER, CONSENT, SCORE, known_columns
from workbench.core.errors import ProfileError
from workbench.run.definitions.tag_registry import registry_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.actions.definition import Action
    from workbench.core.errors import Fault
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["action_content_faults"]

_INNER = (ANSWER, SCORE, ACCOUNT, CONSENT)  # columns that tags are computed from and no table of customers holds


def action_content_faults(workspace: Workspace, profile: Profile, actions: Mapping[str, Action]) -> list[Fault]:
    """List the faults of the content of actions: unknown placeholders, conditions, sensitive tags, no last text.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    actions : mapping of str to Action
    """
    if not any(action.content for action in actions.values()):
        return []
    try:
        registry = registry_of(workspace, profile)
    except ProfileError as error:
        return list(error.faults)
    windows = profile.sections["03_build_features"].windows_days
    declared = dict.fromkeys(name for source in profile.sources.values() for name in source.attributes)
    columns = known_columns({}, windows_days=windows, attributes=declared)
    kinds = {name: column.kind for name, column in columns.items() if not name.startswith(_INNER)}
    kinds |= {name: "category" for name, tag in registry.tags.items() if tag.computed}
    forbidden = {name: f"is the sensitive item {tag.item}" for name, tag in registry.tags.items() if tag.sensitive}
    return [
        fault
        for name, action in sorted(actions.items())
        for fault in content_faults(action, kinds, forbidden=forbidden, where=f"params/actions/{name}.yaml")
    ]
