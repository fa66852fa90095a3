"""The command ``workbench schedule``: save a schedule, print or install its timer, run a profile that is due."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, ProfileError
from workbench.core.params.profile import load_profile
from workbench.run.artifacts.audit import append_audit
from workbench.run.schedules.due import run_if_due, scheduled
from workbench.run.schedules.moments import Schedule, read_schedule
from workbench.run.schedules.records import Planned, forget_schedule, keep_planned, keep_state
from workbench.run.schedules.wakers import Waker, install_cron, install_systemd, remove_wakers, waker_of

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.flows.outcome import FlowResult
    from workbench.run.schedules.deciding import Decision

__all__ = ["call_due", "drop_schedule", "named_profile", "set_schedule", "show_schedule"]

_KINDS = ("systemd", "cron")
_NEXT_SHOWN = 3


def named_profile(names: Sequence[str]) -> tuple[bool, str]:
    """Read ``PROFILE`` or ``due PROFILE``; return whether ``due`` was given, and the profile.

    Raises
    ------
    ProfileError
        The arguments have another form.
    """
    if len(names) == 1:
        return False, names[0]
    if len(names) == 2 and names[0] == "due":  # noqa: PLR2004
        return True, names[1]
    raise ProfileError(Fault("schedule", f"arguments {' '.join(names)!r}", "Expected PROFILE or due PROFILE"))


def set_schedule(
    workspace: Workspace,
    name: str,
    *,
    every: str,
    zone: str | None,
    hours: float | None,
    kind: str | None,
    install: bool,
) -> None:
    """Save the schedule of a profile, print its systemd units and cron line, and install them if requested.

    Parameters
    ----------
    workspace : Workspace
    name : str
    every : str
    zone : str or None
    hours : float or None
        Longest delay after which a missed run is caught up.
    kind : str or None
        ``systemd`` or ``cron``; None prints both and installs systemd where it runs, else cron.
    install : bool

    Raises
    ------
    ProfileError
        No such profile, day, time or zone.
    """
    profile = load_profile(workspace, name)
    if zone is None:
        remedy = "For example --time-zone Asia/Shanghai"
        raise ProfileError(Fault("--time-zone", "not given", "The zone in which the time is meant", remedy))
    _check_kind(kind)
    schedule = read_schedule(every, zone)
    if hours is not None and hours <= 0:
        raise ProfileError(Fault("--max-staleness", f"{hours:g} hours", "More than 0"))
    planned = Planned(schedule.every, schedule.zone.key, _now(), hours)
    keep_planned(workspace, name, planned)
    keep_state(workspace, name, None)
    waker = waker_of(workspace, name, schedule)
    _print_waker(waker, kind)
    language = profile.languages[0]
    if profile.as_of is not None:
        _note("schedule_said_as_of", language, as_of=profile.as_of.isoformat())
    _print_next(schedule, language)
    if install:
        kind = kind or ("systemd" if Path("/run/systemd/system").is_dir() else "cron")
        _install(waker, kind, language)
        append_audit(workspace, "schedule", profile=name, change="installed", by=kind, **_moments(schedule))


def show_schedule(workspace: Workspace, name: str, *, kind: str | None, install: bool) -> None:
    """Print the saved schedule of a profile as `set_schedule` does; install it if requested.

    Raises
    ------
    ProfileError
        The profile has no schedule.
    """
    language = load_profile(workspace, name).languages[0]
    _check_kind(kind)
    schedule = scheduled(workspace, name).schedule()
    waker = waker_of(workspace, name, schedule)
    _print_waker(waker, kind)
    _print_next(schedule, language)
    if install:
        kind = kind or ("systemd" if Path("/run/systemd/system").is_dir() else "cron")
        _install(waker, kind, language)
        append_audit(workspace, "schedule", profile=name, change="installed", by=kind, **_moments(schedule))


def drop_schedule(workspace: Workspace, name: str) -> None:
    """Remove the schedule of a profile with its timer or cron line."""
    planned = scheduled(workspace, name)
    removed = remove_wakers(waker_of(workspace, name, planned.schedule()))
    forget_schedule(workspace, name)
    append_audit(workspace, "schedule", profile=name, change="removed", **_moments(planned.schedule()))
    _tell("schedule_said_removed", _language(workspace, name), profile=name, places=", ".join(removed) or "-")


def call_due(workspace: Workspace, name: str, run: Callable[[str], FlowResult], *, quiet: bool) -> FlowResult | None:
    """Run a profile if it is due; print the decision.

    Parameters
    ----------
    workspace : Workspace
    name : str
    run : callable
        Runs the flow for an as-of date.
    quiet : bool
        Print nothing if nothing was due.

    Returns
    -------
    FlowResult or None
        None if nothing was due.

    Raises
    ------
    ProfileError
        The profile has no schedule.
    WorkspaceBusyError
        Another run holds the workspace.
    """
    schedule = scheduled(workspace, name).schedule()
    language = _language(workspace, name)

    def announced(decision: Decision, as_of: str) -> FlowResult:
        _tell("schedule_said_due", language, profile=name, moment=_when(schedule, decision.moment), as_of=as_of)
        if decision.passed_over > 0:
            _tell("schedule_said_passed_over", language, count=decision.passed_over)
        return run(as_of)

    decision, result = run_if_due(workspace, name, announced)
    if not decision.is_due and not (quiet and decision.verdict != "missed"):
        values = {"profile": name, "next": _when(schedule, decision.next), "moment": _when(schedule, decision.moment)}
        _tell(f"schedule_said_{decision.verdict}", language, **values)
    return result


def _check_kind(kind: str | None) -> None:
    if kind is not None and kind not in _KINDS:
        raise ProfileError(Fault("--as", f"{kind!r}", "Expected systemd or cron"))


def _print_waker(waker: Waker, kind: str | None) -> None:
    if kind in (None, "systemd"):
        print(f"# {waker.name}.service\n{waker.service}\n# {waker.name}.timer\n{waker.timer}")
    if kind is None:
        print("# crontab")
    if kind in (None, "cron"):
        print(waker.cron, flush=True)


def _print_next(schedule: Schedule, language: str) -> None:
    moments, moment = [], _now()
    for _ in range(_NEXT_SHOWN):
        moment = schedule.next(moment)
        moments.append(_when(schedule, moment))
    _note("schedule_said_next", language, moments="; ".join(moments))


def _install(waker: Waker, kind: str, language: str) -> None:
    if kind == "cron":
        install_cron(waker)
        _note("schedule_said_cron", language)
    else:
        paths = install_systemd(waker)
        _note("schedule_said_systemd", language, paths=", ".join(str(path) for path in paths))


def _moments(schedule: Schedule) -> dict[str, str]:
    """Return when a schedule runs, for the audit log."""
    return {"every": schedule.every, "zone": schedule.zone.key}


def _when(schedule: Schedule, moment: dt.datetime | None) -> str:
    return "" if moment is None else f"{schedule.local(moment):%Y-%m-%d %H:%M} {schedule.zone.key}"


def _language(workspace: Workspace, name: str) -> str:
    """Return the first language of a profile; English if it cannot be read, which the run reports."""
    try:
        return load_profile(workspace, name).languages[0]
    except ProfileError:
        return "en"


def _tell(key: str, language: str, **values: object) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    print(say(key, language, values), flush=True)


def _note(key: str, language: str, **values: object) -> None:
    """Print a line to standard error, so that piped output stays clean."""
    from workbench.report.text import say  # noqa: PLC0415

    print(say(key, language, values), file=sys.stderr)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
