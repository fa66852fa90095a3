"""The checks of a profile that stages declare, done before any kernel starts."""

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
    """Return the faults of a profile that one of its stages checks for.

    Parameters
    ----------
    stage : Stage
        Its ``checks`` name the checks.
    workspace : Workspace
    profile : Profile
    """
    checks = {"id_spaces": _id_space_faults, "feature_names": _feature_faults, "tag_registry": _tag_faults}
    return [fault for name in stage.checks for fault in checks[name](stage, workspace, profile)]


def _id_space_faults(stage: Stage, _workspace: Workspace, profile: Profile) -> list[Fault]:
    """Check the declared id spaces of the sources, if identities are resolved."""
    if stage.name not in profile.stages:
        return []
    from workbench.intake.identity.spaces import check_spaces  # noqa: PLC0415

    faults = check_spaces(profile.sources)
    lines = {name: profile.where("sources", name) for name in faults}
    return [
        replace(fault, where=f"{lines[name]}: {fault.where}" if fault.where else lines[name])
        for name, fault in faults.items()
    ]


def _tag_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Check the tag registry, if tags are computed."""
    if stage.name not in profile.stages:
        return []
    from workbench.run.definitions.tag_registry import registry_faults  # noqa: PLC0415

    return registry_faults(workspace, profile)


def _feature_faults(stage: Stage, _workspace: Workspace, profile: Profile) -> list[Fault]:
    """Check that the features a section names can exist."""
    from workbench.intake.features.registry import REGISTRY, SCALE_NAME, window_features  # noqa: PLC0415

    section, built = profile.sections[stage.name], profile.sections[_FEATURES]
    attributes = {name for source in profile.sources.values() for name in source.attributes}
    windowed = {feature.name for days in built.windows_days for feature in window_features(days)}
    scored = {str(SCALE_NAME).format(scale=scale) for scale in built.scales}
    fixed = {feature.name for feature in REGISTRY.values() if feature.window is None}
    possible = fixed | windowed | scored | set(columns_of("customers")) | attributes
    return [
        Fault(
            profile.where(stage.name, key),
            f"{stage.name}: {key} names '{name}', which is not a feature",
            "",
            did_you_mean(name, possible),
        )
        for key in ("features", "log_features")
        for name in getattr(section, key)
        if name not in possible
    ]
