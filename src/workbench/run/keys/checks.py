"""The profile checks that stages declare, run before any kernel starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.schema import UNDATED, columns_of
from workbench.core.stages import STAGES

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.stages.stage import Stage
    from workbench.core.workspace import Workspace

__all__ = ["stage_faults"]

_FEATURES, _CHURN, _TAGS = "03_build_features", "08_predict_churn", "12_tag_customers"


def stage_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Run the checks that a stage declares and return the faults of the profile.

    Parameters
    ----------
    stage : Stage
        Its ``checks`` name the checks.
    workspace : Workspace
    profile : Profile
    """
    checks = {
        "eligible_rule": _eligible_faults, "id_spaces": _id_space_faults, "feature_names": _feature_faults,
        "link_files": _link_file_faults,
        "tag_registry": _tag_faults, "actions": _action_faults, "compare_with": _compare_faults,
    }  # fmt: skip
    return [fault for name in stage.checks for fault in checks[name](stage, workspace, profile)]


def _compare_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Check that the run to compare with is kept, and that watched metrics and stages exist."""
    section = profile.sections[stage.name]
    if stage.name not in profile.stages:
        return []
    from workbench.run.artifacts.kept_runs import choose_run, kept_runs  # noqa: PLC0415

    faults = []
    try:
        choose_run(kept_runs(workspace, profile.name), section.compare_with, profile.as_of or UNDATED)
    except ProfileError as error:
        where = profile.where(stage.name, "compare_with")
        faults += [replace(fault, where=where) for fault in error.faults]
    for watch in section.watch:
        name = watch.metric.partition(".")[0]
        if name not in profile.stages or name >= stage.name:
            where = profile.where(stage.name, "watch")
            lower = [other for other in profile.stages if other < stage.name]
            faults.append(
                Fault(where, f"watch: {watch.metric} is of no stage before {stage.name}", "", did_you_mean(name, lower))
            )
    return faults


def _eligible_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Check that the rule for customers who get recommendations names no column of a later stage."""
    text = profile.sections[stage.name].eligible.get("customers", "") if stage.name in profile.stages else ""
    if not text.strip():
        return []
    where = profile.where(stage.name, "eligible", "customers")
    return _rule_faults(stage, workspace, text.strip(), f"{stage.name}: eligible.customers", where)


def _action_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Check the actions that a profile plans: their files, their rules, and that there is a budget."""
    section = profile.sections[stage.name]
    if not section.actions or stage.name not in profile.stages:
        return []
    from workbench.core.actions.catalogue import read_actions  # noqa: PLC0415
    from workbench.run.definitions.tag_registry import action_content_faults  # noqa: PLC0415

    faults = []
    if section.budget is None:
        remedy = f"Add budget: 20000 under {stage.name}, or 0 to plan nothing yet"
        faults.append(Fault(profile.where(stage.name), f"{stage.name} names actions and no budget", "", remedy))
    try:
        actions = read_actions(workspace, section.actions)
    except ProfileError as error:
        where = profile.where(stage.name, "actions")
        return faults + [
            replace(fault, where=where) if "params" not in fault.where else fault for fault in error.faults
        ]
    for name, action in actions.items():
        if action.eligible:
            where = f"params/actions/{name}.yaml"
            faults += _rule_faults(stage, workspace, action.eligible, "eligible", where)
    return faults + action_content_faults(workspace, profile, actions)


def _rule_faults(
    stage: Stage, workspace: Workspace, rule: str | dict[str, Any], subject: str, where: str
) -> list[Fault]:
    """Check that a rule can be read, has no circular references, and names no column of a later stage."""
    from workbench.analysis.audiences.select import Knowledge, check_references, named_columns  # noqa: PLC0415
    from workbench.run.definitions.audience_rules import inline_rule, named_rules  # noqa: PLC0415

    try:
        rules = named_rules(workspace)
        audience = inline_rule(workspace, rule)
    except ProfileError as error:
        return [replace(fault, where=where) for fault in error.faults]
    faults = [replace(fault, where=f"{where}: {fault.where}") for fault in check_references(audience, rules)]
    if faults:
        return faults
    rule_columns = named_columns(audience, Knowledge({}, UNDATED, rules))
    names = {name: _written_columns(other) for name, other in STAGES.items()}
    earlier = {column for name, columns in names.items() if name < stage.name for column in columns}
    writers = {column: name for name, columns in names.items() if name >= stage.name for column in columns - earlier}
    return [
        Fault(
            where,
            f"{subject} names '{column}', which {writers.get(column, _TAGS)} writes",
            "A column of features, rfm or segments" if stage.name < _CHURN else "A column of a stage before it",
            "Use one of those, or an audience after the run",
        )
        for column in rule_columns
        if column.startswith("tag_") or column in writers
    ]


def _written_columns(stage: Stage) -> set[str]:
    return {column.name for table in stage.tables for column in table.columns} | {"customer_id"}


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


def _link_file_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Check that the files of declared links lie inside the workspace."""
    faults = []
    for name in ("must_link", "cannot_link"):
        try:
            workspace.resolve(getattr(profile.sections[stage.name], name) or "params")
        except ProfileError as error:
            faults += [replace(fault, where=profile.where(stage.name, name)) for fault in error.faults]
    return faults


def _tag_faults(stage: Stage, workspace: Workspace, profile: Profile) -> list[Fault]:
    """Check the tag registry, if tags are computed."""
    if stage.name not in profile.stages:
        return []
    from workbench.run.definitions.tag_registry import registry_faults  # noqa: PLC0415

    faults = registry_faults(workspace, profile)
    items = profile.sections[stage.name].sensitive_items
    if items and not profile.consent.legal_basis.get("sensitive", "").strip():
        problem = f"sensitive items ({', '.join(items)}) without a legal basis"
        remedy = "Write it under consent: legal_basis: {sensitive: ...}"
        faults.append(Fault(profile.where(stage.name, "sensitive_items"), problem, "Legal basis and consent", remedy))
    return faults


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
