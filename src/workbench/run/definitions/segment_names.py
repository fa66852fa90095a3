"""The names of the segments of the last run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workbench.core.schema import UNKNOWN_SEGMENT
from workbench.run.artifacts.context import stage_folder

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["DEFINITION_FILE", "SEGMENTING", "segment_names"]

SEGMENTING = "06_segment_customers"
DEFINITION_FILE = "segment_definition.json"


def segment_names(workspace: Workspace, profile: str) -> dict[str, dict[str, str]]:
    """Return the names of segments by key and language; empty if no run assigned segments."""
    path = stage_folder(workspace, profile, SEGMENTING) / DEFINITION_FILE
    if not path.is_file():
        return {}
    key, name = UNKNOWN_SEGMENT
    definition = json.loads(path.read_text(encoding="utf-8"))
    return {key: dict(name)} | {segment["key"]: dict(segment["name"]) for segment in definition["segments"]}
