"""Tracking in the background: one worker thread imports MLflow and writes to it, in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, StageError, WorkbenchError
from workbench.run.definitions.champion import champion_path

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.tracking.runs import Tracker

__all__ = ["BackgroundTracking"]

_SWITCH_SECONDS = 0.0005  # short, so that importing MLflow does not delay the messages of the first kernel


class BackgroundTracking:
    """Tracks one flow in a background thread, so that its kernels are not delayed.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    run_id : str
    """

    def __init__(self, workspace: Workspace, profile: str, run_id: str):
        self.workspace, self.profile, self.run_id = workspace, profile, run_id
        self.worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tracking")
        self.tasks: list[Future] = []
        self.tracker: Tracker | None = None
        sys.setswitchinterval(_SWITCH_SECONDS)
        self.parent: str | None = None

    def begin(self, tags: Mapping[str, str]) -> None:
        """Open the store, close the tracked runs of dead processes, open the flow's run."""
        self.later(lambda: self._open(tags))

    def later(self, task: Callable[[], Any]) -> None:
        """Queue a task behind all earlier ones."""
        self.tasks.append(self.worker.submit(task))

    def log_stage(self, summary: Mapping[str, Any], folder: Path | None) -> None:
        """Write one stage; call it from a task."""
        if self.tracker is not None:
            self.tracker.log_stage(self.parent, summary, folder)

    def wait(self) -> None:
        """Wait for all queued tasks; raise the first error."""
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            try:
                task.result()
            except (WorkbenchError, OSError):
                raise
            except Exception as error:  # noqa: BLE001  MLflow passes on any database error
                raise StageError(Fault("tracking", f"{type(error).__name__}: {error}")) from error

    def drain(self) -> None:
        """Wait for all queued tasks and ignore errors, since the run has already failed."""
        for task in self.tasks:
            task.exception()
        self.tasks = []

    def end(self, status: str, summary: Mapping[str, Any], folder: Path) -> None:
        """Attach the report and close the flow's run with its status."""
        if status == "failed":
            self.drain()
        self.later(lambda: self._close(status, summary, folder))
        if status == "failed":
            self.drain()
        else:
            self.wait()
        self.worker.shutdown()

    def give_up(self) -> None:
        """Close the tracked run as failed; if that cannot be written, the next flow closes it."""
        self.drain()
        self.later(lambda: self.tracker.end(self.parent, "failed") if self.tracker and self.parent else None)
        self.drain()
        self.worker.shutdown()

    def _open(self, tags: Mapping[str, str]) -> None:
        from workbench.run.tracking.runs import Tracker  # noqa: PLC0415  (takes three seconds, while the first kernel works)

        self.tracker = Tracker(self.workspace, self.profile)
        self.tracker.close_dead_runs()
        self.tracker.segments.export_champion(champion_path(self.workspace, self.profile))
        self.parent = self.tracker.begin(self.run_id, tags)

    def _close(self, status: str, summary: Mapping[str, Any], folder: Path) -> None:
        if self.tracker is None or self.parent is None:
            return
        self.tracker.log_report(self.parent, folder)
        self.tracker.end(self.parent, status, summary)
