"""Segment definitions, names, declared kinds and advice for the stages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from workbench.analysis.segments.declared import declare
from workbench.analysis.segments.definition import SegmentDefinition
from workbench.analysis.tags.strategies import advice_for
from workbench.core.yaml_lines import read_yaml
from workbench.run.artifacts.context import stage_folder
from workbench.run.definitions.champion import read_champion
from workbench.run.definitions.segment_names import DEFINITION_FILE, SEGMENTING, segment_names
from workbench.run.definitions.segment_rules import rule_files
from workbench.run.definitions.tag_registry import pack_of
from workbench.run.stages.features import feature_labels, feature_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.run.stages.stage import StageRun

__all__ = [
    "advice",
    "champion",
    "definition_details",
    "definitions_before",
    "file_name",
    "kinds",
    "placed",
    "placing_definition",
]


def champion(stage: StageRun) -> SegmentDefinition | None:
    """Return the promoted segment definition; None if there is none."""
    promoted = read_champion(stage.workspace, stage.profile.name)
    return promoted.definition if promoted else None


def definitions_before(stage: StageRun) -> dict[str, Any]:
    """Return the definitions to compare with today's fit.

    Returns
    -------
    dict
        ``champion``; ``last``: the champion or the definition of the last run; ``registered``: feature name to unit,
        to check whether these definitions still apply.
    """
    in_use = champion(stage)
    return {"champion": in_use, "last": in_use or _fitted(stage), "registered": feature_units(stage)}


def definition_details(stage: StageRun, features: Sequence[str]) -> dict[str, Any]:
    """Return the facts about run and features that a segment definition stores."""
    return {
        "parameters": stage.settings,
        "training_digest": stage.store.digest("features"),
        "name": f"segments-{stage.profile.name}",
        "made_by": {"run_id": stage.context.run_id},
        "labels": feature_labels(stage),
        "features": feature_units(stage, features),
    }


def placing_definition(stage: StageRun) -> SegmentDefinition | None:
    """Return the definition behind the table ``segments``; None if it is no longer stored."""
    table = stage.read("segments", missing="none")
    if table is None:
        return None
    versions = set(table["definition_version"])
    stored = (definition for definition in (champion(stage), _fitted(stage)) if definition is not None)
    return next((definition for definition in stored if {definition.version} == versions), None)


def placed(stage: StageRun) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return customer to segment, and the segment names by language; empty if there are no segments."""
    table = stage.read("segments", missing="none")
    if table is None:
        return {}, {}
    names = segment_names(stage.workspace, stage.profile.name)
    return dict(zip(table["customer_id"], table["segment"], strict=True)), names


def kinds(stage: StageRun) -> list[SegmentDefinition]:
    """Return the kinds of segments declared in params/segments."""
    workspace = stage.workspace
    return [declare(read_yaml(path, workspace.relative(path)).content) for path in rule_files(workspace)]


def advice(stage: StageRun, segments: Sequence[str]) -> dict[str, Any]:
    """Return the advice of the profile's industry pack for segments: what to do and what to avoid."""
    return advice_for(pack_of(stage.workspace, stage.profile), segments)


def file_name(segment: str) -> str:
    """Return a segment key in a form that is valid in file names.

    Examples
    --------
    >>> file_name("tier 1/high")
    'tier_1_high'
    """
    return re.sub(r"[^\w\-]", "_", segment)


def _fitted(stage: StageRun) -> SegmentDefinition | None:
    path = stage_folder(stage.workspace, stage.profile.name, SEGMENTING) / DEFINITION_FILE
    return SegmentDefinition.from_json(path.read_text(encoding="utf-8")) if path.is_file() else None
