"""Inputs of stages other than tables and parameters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.core.actions.catalogue import action_paths
from workbench.intake.feedback.marks import KINDS
from workbench.intake.privacy.tombstone_file import tombstone_digest
from workbench.run.artifacts.assignments import stated_tests
from workbench.run.artifacts.corrections import correction_digest, restriction_digest
from workbench.run.artifacts.kept_runs import compared_digests
from workbench.run.artifacts.plans import plan_digests
from workbench.run.definitions.audience_rules import audience_paths
from workbench.run.definitions.champion import champion_digest
from workbench.run.definitions.segment_rules import rule_digests
from workbench.run.definitions.tag_registry import registry_inputs
from workbench.run.keys.feedback import marked
from workbench.run.keys.identities import identity_inputs
from workbench.run.keys.source_files import file_digests, source_files

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from workbench.core.params.profile import Profile
    from workbench.core.stages.stage import Stage
    from workbench.core.workspace import Workspace

__all__ = ["CHAMPION", "SUMMARIES", "raw_digests", "stage_inputs"]

CHAMPION, SUMMARIES = "champion", "summaries"


def raw_digests(workspace: Workspace, profile: Profile) -> dict[str, str]:
    """Return the digests of the raw files of a profile."""
    return file_digests(workspace, source_files(workspace, profile))


def stage_inputs(
    stage: Stage,
    *,
    workspace: Workspace,
    profile: Profile,
    summaries: Mapping[str, str | None],
    as_of: dt.date | None = None,
) -> dict[str, Any]:
    """Return the inputs of a stage other than tables and parameters.

    Parameters
    ----------
    stage : Stage
    workspace : Workspace
    profile : Profile
    summaries : mapping of str to str
        Digest of the summary of every other stage of the profile, or "skipped".
    as_of : date, optional
        As-of date of the run, if known.
    """
    readers: dict[str, Callable[[Workspace, Profile], dict[str, Any]]] = {
        "sources": _sources,
        "people": identity_inputs,
        CHAMPION: lambda place, of: {CHAMPION: champion_digest(place, of.name)},
        "audience_rules": _audience_rules,
        "segment_rules": lambda place, _: rule_digests(place),
        "tag_registry": registry_inputs,
        "goal": lambda _, of: {"goal": of.goal.model_dump(mode="json")},
        "never_contact": _never_contact,
        "planned_tests": lambda place, of: {"planned_tests": stated_tests(place, of.name)},
        "actions": _actions,
        "frozen_plans": lambda place, of: {"frozen_plans": plan_digests(place, of.name)},
        "kept_runs": lambda place, of: {"kept_runs": compared_digests(place, of, as_of) if as_of else {}},
        "earlier_summaries": lambda *_: {SUMMARIES: {name: summaries[name] for name in summaries if name < stage.name}},
        **{f"marked_{kind}s": partial(marked, kind=kind) for kind in KINDS},
        SUMMARIES: lambda *_: {SUMMARIES: dict(summaries)},
    }
    restricted = restriction_digest(workspace, profile.name)
    inputs: dict[str, Any] = {"restricted": restricted} if restricted else {}
    for name in stage.inputs:
        inputs |= readers[name](workspace, profile)
    return inputs


def _sources(workspace: Workspace, profile: Profile) -> dict[str, Any]:
    """Return the digests of raw files, the declarations of sources, and other profile values that 01 depends on."""
    return raw_digests(workspace, profile) | {
        "sources": {name: source.model_dump(mode="json") for name, source in profile.sources.items()},
        "declared": {
            name: source.model_dump(mode="json", exclude_unset=True) for name, source in profile.sources.items()
        },
        "identity": any(profile.stage(name).takes == "people" for name in profile.stages),
        "demo_data": profile.demo_data,
        **({"erased": erased} if (erased := tombstone_digest(workspace)) else {}),
        **({"corrected": corrected} if (corrected := correction_digest(workspace, profile.name)) else {}),
    }


def _audience_rules(workspace: Workspace, profile: Profile) -> dict[str, Any]:
    """Return the digests of the audience rules if a rule selects the customers who get recommendations."""
    eligible = getattr(profile.sections.get("07_mine_affinities"), "eligible", {})
    paths = [*audience_paths(workspace).values()] if eligible.get("customers") else []
    return {"audience_rules": file_digests(workspace, paths)}


def _actions(workspace: Workspace, profile: Profile) -> dict[str, Any]:
    """Return the digests of a profile's actions and of the audience rules that they may use."""
    paths = action_paths(workspace)
    action_files = [paths[name] for name in profile.sections["11_plan_actions"].actions if name in paths]
    rules = [*audience_paths(workspace).values()] if action_files else []
    return {"action_files": file_digests(workspace, [*action_files, *rules])}


def _never_contact(workspace: Workspace, profile: Profile) -> dict[str, Any]:
    """Return the digests of the existing never-contact files; reading a missing one raises an error elsewhere."""
    paths = [workspace.resolve(path) for path in profile.never_contact]
    return {"never_contact": file_digests(workspace, [path for path in paths if path.is_file()])}
