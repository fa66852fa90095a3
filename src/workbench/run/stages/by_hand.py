"""Publish and track the results of a notebook that was run by hand, outside a flow."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from workbench.intake.identity.people import forget_people
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.artifacts.manifest import write_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.run.stages.stage import StageRun

__all__ = ["publish_by_hand"]

_WAIT_SECONDS = 5.0


def publish_by_hand(stage: StageRun, summary: Mapping[str, Any]) -> None:
    """Publish the results of a stage and track them as a separate run.

    The workspace lock is held only while publishing, so an open notebook does not block a flow.

    Parameters
    ----------
    stage : StageRun
    summary : mapping
        The summary that ``finish()`` has written.

    Raises
    ------
    WorkspaceBusyError
        A flow holds the workspace: the results stay private; run the last cell again afterwards.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's imports warn about a missing progress bar
        from workbench.run.tracking.runs import Tracker  # noqa: PLC0415  (MLflow takes seconds to import)

    with hold_workspace(stage.workspace, f"{stage.stage} by hand", wait_seconds=_WAIT_SECONDS):
        reads = json.loads((stage.staging.folder / "reads.json").read_text(encoding="utf-8"))
        write_manifest(stage.staging.folder, None, summary, reads)
        folder = stage.staging.publish()
        if stage.declaration.takes:
            forget_people(stage.workspace, stage.profile.name)
        Tracker(stage.workspace, stage.profile.name).log_by_hand(summary, folder)
