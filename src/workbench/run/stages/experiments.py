"""What 10 needs of the run: what our own tests were planned for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.run.artifacts.assignments import stated_tests

if TYPE_CHECKING:
    from workbench.run.stages.stage import StageRun

__all__ = ["planned_tests"]


def planned_tests(stage: StageRun) -> dict[str, dict[str, Any]]:
    """Return outcome and control of the tests and plans that were assigned by the workbench, by name."""
    return stated_tests(stage.workspace, stage.profile.name)
