"""What the workspace keeps of a profile's schedule: when it runs, and what became of the last moment.

``.workbench/schedules/<profile>.json`` is written by ``workbench schedule``, ``<profile>.state.json`` by ``schedule
due``. Both are small and private.
"""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_text
from workbench.run.schedules.moments import Schedule, read_schedule

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = [
    "Planned",
    "State",
    "forget_schedule",
    "keep_planned",
    "keep_state",
    "planned_profiles",
    "read_planned",
    "read_state",
]

_PRIVATE = 0o600


@dataclass(frozen=True)
class Planned:
    """A profile's schedule.

    Attributes
    ----------
    every, zone : str
        As the command line states them.
    since : datetime
        Moments before it count for nothing.
    max_staleness_hours : float or None
        A missed run is caught up this long after its moment; None: until the next moment.
    """

    every: str
    zone: str
    since: dt.datetime
    max_staleness_hours: float | None = None

    def schedule(self) -> Schedule:
        """Return its moments."""
        return read_schedule(self.every, self.zone)


@dataclass(frozen=True)
class State:
    """What became of the last moment.

    Attributes
    ----------
    moment : datetime
    outcome : str
        ``running``, ``done``, ``failed``, ``refused`` (before any kernel started) or ``missed`` (too late to catch up).
    attempts : int
        How often its run was started; a run that was killed is started once more.
    started, ended : datetime or None
    pid, host : int, str
        The process that runs it.
    exit_code : int or None
    run_id : str
    """

    moment: dt.datetime
    outcome: str = "running"
    attempts: int = 0
    started: dt.datetime | None = None
    ended: dt.datetime | None = None
    pid: int = 0
    host: str = ""
    exit_code: int | None = None
    run_id: str = ""

    def finished(self, outcome: str, at: dt.datetime, *, exit_code: int = 0, run_id: str = "") -> State:
        """Return the state after its run has ended."""
        return replace(self, outcome=outcome, ended=at, exit_code=exit_code, run_id=run_id)


def planned_profiles(workspace: Workspace) -> list[str]:
    """List the profiles that have a schedule."""
    return sorted(path.stem for path in _folder(workspace).glob("*.json") if not path.stem.endswith(".state"))


def read_planned(workspace: Workspace, profile: str) -> Planned | None:
    """Return a profile's schedule; None if it has none.

    Raises
    ------
    DataError
        Its file is damaged.
    """
    return _read(workspace, f"{profile}.json", Planned, ("since",))


def read_state(workspace: Workspace, profile: str) -> State | None:
    """Return what became of the last moment; None before the first.

    Raises
    ------
    DataError
        Its file is damaged.
    """
    return _read(workspace, f"{profile}.state.json", State, ("moment", "started", "ended"))


def keep_planned(workspace: Workspace, profile: str, planned: Planned) -> None:
    """Keep a profile's schedule in place of an earlier one."""
    _write(workspace, f"{profile}.json", asdict(planned))


def keep_state(workspace: Workspace, profile: str, state: State | None) -> None:
    """Keep what became of the last moment; None: nothing did."""
    if state is None:
        (_folder(workspace) / f"{profile}.state.json").unlink(missing_ok=True)
    else:
        _write(workspace, f"{profile}.state.json", asdict(state))


def forget_schedule(workspace: Workspace, profile: str) -> bool:
    """Remove a profile's schedule and state; return whether there was one."""
    paths = [_folder(workspace) / f"{profile}{ending}" for ending in (".json", ".state.json")]
    present = paths[0].is_file()
    for path in paths:
        path.unlink(missing_ok=True)
    return present


def _folder(workspace: Workspace) -> Path:
    return workspace.lock.parent / "schedules"


def _read(workspace: Workspace, name: str, kind: Any, dates: tuple[str, ...]) -> Any:
    path = _folder(workspace) / name
    if not path.is_file():
        return None
    with suppress(ValueError, TypeError, KeyError):
        content = json.loads(path.read_text(encoding="utf-8"))
        return kind(**{key: dt.datetime.fromisoformat(value) if key in dates and value else value
                       for key, value in content.items()})  # fmt: skip
    remedy = "Remove it, then set the schedule again with workbench schedule"
    raise DataError(Fault(workspace.relative(path), "not a schedule of the workbench", "", remedy))


def _write(workspace: Workspace, name: str, content: dict[str, Any]) -> None:
    path = _folder(workspace) / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    texts = {key: value.isoformat() if isinstance(value, dt.datetime) else value for key, value in content.items()}
    write_text(path, json.dumps(texts, ensure_ascii=False, indent=1) + "\n", mode=_PRIVATE)
