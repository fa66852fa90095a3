"""The planned tests of the profile, for stage 10."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.run.artifacts.assignments import stated_tests

if TYPE_CHECKING:
    from workbench.run.stages.stage import StageRun

__all__ = ["planned_tests"]


def planned_tests(stage: StageRun) -> dict[str, dict[str, Any]]:
    """Return test name to outcome and control, for tests and plans assigned by the workbench."""
    return stated_tests(stage.workspace, stage.profile.name)
