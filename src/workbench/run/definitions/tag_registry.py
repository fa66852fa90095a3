"""The tag registry of a profile: tags, digests of its files, faults in it and in action texts that name tags."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.analysis.tags.columns import ACCOUNT, ANSWER, CONSENT, SCORE, known_columns
from workbench.analysis.tags.compiling import check_tags, names_in
from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.files import digest_file
from workbench.core.tags.likes import like_tags
from workbench.core.tags.registry import TagRegistry, load_registry, tag_files
from workbench.run.definitions.action_names import action_names
from workbench.run.definitions.questionnaires import answer_names, questionnaire_files
from workbench.run.definitions.segment_names import segment_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.core.actions.definition import Action
    from workbench.core.params.profile import Profile
    from workbench.core.tags.pack import Pack
    from workbench.core.workspace import Workspace

__all__ = ["action_content_faults", "pack_of", "registry_faults", "registry_inputs", "registry_of"]

_TAGS = "12_tag_customers"
_INNER = (ANSWER, SCORE, ACCOUNT, CONSENT)  # prefixes of tag inputs that are in no customer table


def registry_of(workspace: Workspace, profile: Profile) -> TagRegistry:
    """Read the registry with the profile's pack, thresholds and segment names."""
    section = profile.sections[_TAGS]
    registry = load_registry(workspace, pack=section.pack, thresholds=section.thresholds)
    registry = replace(registry, tags={**registry.tags, **like_tags(section.likes)})
    answers = answer_names(workspace, profile, registry.tags.values())
    names = {"segment": segment_names(workspace, profile.name), "next_action": action_names(workspace, profile)}
    return replace(registry, value_names=answers | names)


def pack_of(workspace: Workspace, profile: Profile) -> Pack:
    """Read the industry pack of the profile."""
    section = profile.sections[_TAGS]
    return load_registry(workspace, pack=section.pack, thresholds=section.thresholds).pack


def registry_faults(workspace: Workspace, profile: Profile) -> list[Fault]:
    """List the faults in a profile's registry that show without reading data.

    Faults in the files, unknown columns and tags in rules, circular rules, and unknown tags in ``labelled``.
    """
    try:
        registry = registry_of(workspace, profile)
    except ProfileError as error:
        return list(error.faults)
    tags = list(registry.tags.values())
    windows = profile.sections["03_build_features"].windows_days
    attributes = dict.fromkeys(name for source in profile.sources.values() for name in source.attributes)
    columns = known_columns({}, windows_days=windows, named=names_in(tags), attributes=attributes)
    faults = check_tags(tags, columns)
    for name in profile.sections[_TAGS].labelled:
        if name not in registry.tags:
            where = profile.where(_TAGS, "labelled")
            faults.append(Fault(where, f"unknown tag '{name}'", "", did_you_mean(name, registry.tags)))
    return faults


def registry_inputs(workspace: Workspace, profile: Profile) -> dict[str, Any]:
    """Return the digests of the registry files and of the questionnaires of the profile."""
    files = [path for path in tag_files(workspace, profile.sections[_TAGS].pack) if path.is_file()]
    files += questionnaire_files(workspace, profile)
    return {workspace.relative(path): digest_file(path) for path in files}


def action_content_faults(workspace: Workspace, profile: Profile, actions: Mapping[str, Action]) -> list[Fault]:
    """List the faults in the content of actions: unknown placeholders, conditions, sensitive tags, no default text.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    actions : mapping of str to Action
    """
    if not any(action.content for action in actions.values()):
        return []
    from workbench.analysis.actions.content import content_faults  # noqa: PLC0415  (only where there is content)

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
