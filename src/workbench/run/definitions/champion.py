"""The promoted segment definition in a file, which the runner writes from the registry for the kernels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault
from workbench.core.files import digest_file

if TYPE_CHECKING:
    from workbench.analysis.segments.definition import SegmentDefinition
    from workbench.core.workspace import Workspace

__all__ = ["Champion", "champion_digest", "champion_path", "read_champion"]


@dataclass(frozen=True)
class Champion:
    """The promoted definition and its number in the registry."""

    number: int
    definition: SegmentDefinition


def champion_path(workspace: Workspace, profile: str) -> Path:
    """Return the path of the promoted definition of a profile."""
    return workspace.interim(profile) / "champion_segments.json"


def champion_digest(workspace: Workspace, profile: str) -> str:
    """Return the digest of the promoted definition; an empty string if there is none."""
    path = champion_path(workspace, profile)
    return digest_file(path) if path.is_file() else ""


def read_champion(workspace: Workspace, profile: str) -> Champion | None:
    """Read the promoted definition; None if none was promoted.

    Raises
    ------
    DataError
        The file cannot be read, or its definition does not match the version it states.
    """
    from workbench.analysis.segments.definition import SegmentDefinition  # noqa: PLC0415

    path = champion_path(workspace, profile)
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        number, text = int(content["number"]), json.dumps(content["definition"])
    except (ValueError, KeyError, TypeError):
        remedy = "Remove it; the next run writes it from the registry"
        raise DataError(Fault(workspace.relative(path), "not a promoted definition", "", remedy)) from None
    return Champion(number, SegmentDefinition.from_json(text))
