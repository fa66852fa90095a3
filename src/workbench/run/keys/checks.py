"""What a stage checks of a profile before any kernel starts, by the names its declaration uses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, did_you_mean
from workbench.core.schema import columns_of

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.stages.stage import Stage
    from workbench.core.workspace import Workspace

__all__ = ["stage_faults"]

_FEATURES = "03_build_features"


def stage_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Return what is wrong with a profile for one of its stages.

    Parameters
    ----------
    stage : Stage
        ``checks`` names what to look at.
    workspace : Workspace
    profile : Profile
    """
    kinds = {"id_spaces": _id_space_faults, "feature_names": _feature_faults, "tag_registry": _tag_faults}
    return [fault for name in stage.checks for fault in kinds[name](stage, workspace, profile)]


def _id_space_faults(stage: Stage, _workspace: Workspace, profile: Profile) -> list[Fault]:
    """Compare whose customer ids the sources say they use, where identities are resolved."""
    if stage.name not in profile.stages:
        return []
    from workbench.intake.identity.spaces import check_spaces  # noqa: PLC0415

    faults = check_spaces(profile.sources)
    places = {name: profile.where("sources", name) for name in faults}
    return [
        replace(fault, where=f"{places[name]}: {fault.where}" if fault.where else places[name])
        for name, fault in faults.items()
    ]


def _tag_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Read the registry where tags are computed, and compare what its rules name with what can be there."""
    if stage.name not in profile.stages:
        return []
    from workbench.run.definitions.tag_registry import registry_faults  # noqa: PLC0415

    return registry_faults(workspace, profile)


def _feature_faults(stage: Stage, _workspace: Workspace, profile: Profile) -> list[Fault]:
    """Compare the features a section names with those it can have."""
    from workbench.intake.features.registry import REGISTRY, SCALE_NAME, window_features  # noqa: PLC0415

    section, built = profile.sections[stage.name], profile.sections[_FEATURES]
    attributes = {name for source in profile.sources.values() for name in source.attributes}
    windowed = {feature.name for days in built.windows_days for feature in window_features(days)}
    scored = {SCALE_NAME.format(scale=scale) for scale in built.scales}
    fixed = {feature.name for feature in REGISTRY.values() if feature.window is None}
    known = fixed | windowed | scored | set(columns_of("customers")) | attributes
    return [
        Fault(
            profile.where(stage.name, key),
            f"{stage.name}: {key} names '{name}', which is no feature",
            "",
            did_you_mean(name, known),
        )
        for key in ("features", "log_features")
        for name in getattr(section, key)
        if name not in known
    ]
