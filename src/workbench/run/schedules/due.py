"""Run a profile if its moment has come: once, and never two at once."""

from __future__ import annotations

import datetime as dt
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from workbench.core.errors import Fault, ProfileError, WorkbenchError, WorkspaceBusyError
from workbench.run.history.runs import last_good_run, run_time
from workbench.run.schedules.deciding import Decision, LastRun, decide, is_missed
from workbench.run.schedules.records import Planned, State, keep_state, read_planned, read_state

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["Run", "Standing", "run_if_due", "scheduled", "standing"]

Run = Callable[[Decision, str], Any]  # decision, as-of date -> the result of the flow: summary and error


@dataclass(frozen=True)
class Standing:
    """Where a schedule stands now.

    Attributes
    ----------
    planned : Planned
    decision : Decision
    state : State or None
    running : bool
        Whether a scheduled run is under way.
    missed : bool
        Whether the scheduler seems dead.
    """

    planned: Planned
    decision: Decision
    state: State | None
    running: bool
    missed: bool


def scheduled(workspace: Workspace, profile: str) -> Planned:
    """Return the schedule of a profile.

    Raises
    ------
    ProfileError
        It has none.
    """
    planned = read_planned(workspace, profile)
    if planned is None:
        remedy = f'For example: workbench schedule {profile} --every "Mon 06:00" --time-zone Asia/Shanghai'
        raise ProfileError(Fault("schedule", f"profile {profile} has no schedule", "", remedy))
    return planned


def standing(workspace: Workspace, profile: str, now: dt.datetime | None = None) -> Standing | None:
    """Say where the schedule of a profile stands; None if it has none. Nothing is changed."""
    planned = read_planned(workspace, profile)
    if planned is None:
        return None
    now = now or _now()
    try:
        with _held(workspace, profile):
            running = False
    except WorkspaceBusyError:
        running = True
    state = read_state(workspace, profile)
    decision = decide(planned, state, _last_run(workspace, profile), now)
    return Standing(planned, decision, state, running, is_missed(decision, state, now, running=running))


def run_if_due(workspace: Workspace, profile: str, run: Run, *, now: dt.datetime | None = None) -> tuple[Decision, Any]:
    """Run a profile if a moment has come and was not run.

    The as-of date is the date of the moment in its zone. A run that fails counts: the next one is at the next moment.
    One that was killed is started once more; one that another run kept out is tried at the next call.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    run : callable
        Runs the flow for a decision and an as-of date.
    now : datetime, optional
        For tests.

    Returns
    -------
    tuple
        The decision, and the result of the run; None if nothing was due.

    Raises
    ------
    ProfileError
        The profile has no schedule.
    WorkspaceBusyError
        A run is under way.
    """
    planned = scheduled(workspace, profile)
    with _held(workspace, profile):
        state = read_state(workspace, profile)
        decision = decide(planned, state, _last_run(workspace, profile), now or _now())
        if decision.verdict == "missed" and decision.moment is not None:
            keep_state(workspace, profile, State(decision.moment, "missed", ended=now or _now()))
        if not decision.is_due or decision.moment is None:
            return decision, None
        as_of = planned.schedule().local(decision.moment).date().isoformat()
        return decision, _run(workspace, profile, lambda: run(decision, as_of), state, decision.moment)


def _run(workspace: Workspace, profile: str, run: Callable[[], Any], before: State | None, moment: dt.datetime) -> Any:
    attempts = before.attempts if before and before.moment == moment else 0
    state = State(moment, "running", attempts + 1, _now(), None, os.getpid(), socket.gethostname())
    keep_state(workspace, profile, state)
    try:
        result = run()
    except WorkspaceBusyError:
        keep_state(workspace, profile, before)
        raise
    except WorkbenchError as error:
        keep_state(workspace, profile, state.finished("refused", _now(), exit_code=error.exit_code))
        raise
    code = result.error.exit_code if result.error else 0
    outcome, run_id = ("failed" if code else "done"), result.summary["run_id"]
    keep_state(workspace, profile, state.finished(outcome, _now(), exit_code=code, run_id=run_id))
    return result


@contextmanager
def _held(workspace: Workspace, profile: str) -> Iterator[None]:
    """Hold the schedule of a profile while its run lasts; the system frees it when the process dies."""
    folder = workspace.lock.parent / "schedules"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(folder / f"{profile}.lock", timeout=0, mode=0o600, is_singleton=False)
    try:
        lock.acquire()
    except Timeout:
        problem = f"the scheduled run of {profile} is under way{_who(read_state(workspace, profile))}"
        raise WorkspaceBusyError(Fault("", problem, "One run at a time", "Wait for it, or stop that process")) from None
    try:
        yield
    finally:
        lock.release()


def _who(state: State | None) -> str:
    if state is None or state.started is None:
        return ""
    return f" (pid {state.pid}, host {state.host}, since {state.started:%Y-%m-%d %H:%M} UTC)"


def _last_run(workspace: Workspace, profile: str) -> LastRun | None:
    summary = last_good_run(workspace, profile)
    started = run_time(summary.get("run_id", ""))
    if started is None:
        return None
    as_of = summary.get("as_of")
    return LastRun(started, dt.date.fromisoformat(as_of) if as_of else None)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
