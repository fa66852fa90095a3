"""Doctor checks of regular operation: tracking store, sources, schedules, hooks."""

from __future__ import annotations

import datetime as dt
import os
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from workbench.core.addresses import read_address
from workbench.core.errors import ProfileError, WorkbenchError
from workbench.core.params.hooks import EVENTS
from workbench.core.params.profile import Profile, load_profile, profile_names
from workbench.intake.reading.places import is_remote, present_files
from workbench.intake.tables.source_heads import check_source
from workbench.run.artifacts.lock import hold_workspace, is_held
from workbench.run.health.line import Line, sound, to_fix
from workbench.run.history.runs import kept_runs
from workbench.run.hooks.hosts import HOSTS_VARIABLE, is_allowed
from workbench.run.hooks.receipts import read_receipts
from workbench.run.hooks.telling import start_delivery
from workbench.run.schedules.due import Standing, standing
from workbench.run.schedules.records import planned_profiles
from workbench.run.schedules.wakers import installed_wakers, waker_of
from workbench.run.tracking.store_health import examine_store, sweep_store

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["examine_operation", "examine_schedule"]

_FIX = "workbench doctor --fix"
_RECENT_DAYS = 7
_CONNECT_SECONDS = 5
_PERIODS_UNTIL_STALE = 2  # of a schedule, without a new file


def examine_operation(workspace: Workspace, now: dt.datetime) -> list[Line]:
    """Check the tracking store, sources, schedules and hooks of a workspace."""
    profiles = _profiles_in_use(workspace)
    scheduled = planned_profiles(workspace)
    return [
        *_tracking(workspace),
        *(_sources(workspace, profile, now) for profile in profiles),
        *(_schedule_line(workspace, name, now, wakers=True) for name in scheduled),
        *_hooks(workspace, profiles, now),
    ]


def examine_schedule(workspace: Workspace, name: str, now: dt.datetime) -> Line:
    """Check for outside monitoring whether the last scheduled run of a profile took place and succeeded."""
    return _schedule_line(workspace, name, now, wakers=False)


def _profiles_in_use(workspace: Workspace) -> list[Profile]:
    """Return the profiles that have run or have a schedule; others may be examples without files."""
    profiles = []
    for name in profile_names(workspace):
        if name in planned_profiles(workspace) or kept_runs(workspace, name, 1):
            with suppress(ProfileError):  # unreadable profiles are left to `workbench check`
                profiles.append(load_profile(workspace, name))
    return profiles


def _tracking(workspace: Workspace) -> list[Line]:
    state = examine_store(workspace)
    if state.status == "absent":
        return [sound("tracking", "doctor_tracking_none")]
    if state.status == "damaged":
        return [to_fix("tracking", "doctor_tracking_damaged", "sqlite3 mlruns/mlflow.db .recover", fault=state.fault)]
    if state.status != "current":
        command = "cp mlruns/mlflow.db mlruns/mlflow.db.bak && mlflow db upgrade sqlite:///mlruns/mlflow.db"
        key = "doctor_tracking_older" if state.status == "older" else "doctor_tracking_unknown"
        return [to_fix("tracking", key, command if state.status == "older" else "make setup", version=state.version)]
    if state.running and not is_held(workspace):
        repair = partial(_close_runs, workspace)
        return [to_fix("tracking", "doctor_tracking_running", _FIX, repair, count=state.running)]
    return [sound("tracking", "doctor_tracking", runs=state.runs, version=state.version)]


def _close_runs(workspace: Workspace) -> None:
    with hold_workspace(workspace, "workbench doctor --fix"):
        sweep_store(workspace)


def _sources(workspace: Workspace, profile: Profile, now: dt.datetime) -> Line:
    command = f"workbench check {profile.name}"
    values: dict[str, object] = {"profile": profile.name}
    faults = [fault for source in profile.sources.values() for fault in check_source(source, workspace.root)]
    if faults:
        first = {"count": len(faults), "fault": str(faults[0])}
        return Line("sources", "doctor_sources_faults", values | first, command)
    for source in profile.sources.values():
        fault = _unreachable(source.path.removeprefix("env:")) if is_remote(source) else ""
        if fault:
            return Line("sources", "doctor_sources_unreachable", values | {"fault": fault}, command)
    files = [path for source in profile.sources.values() for path in present_files(source, workspace.root)]
    newest = max((path.stat().st_mtime for path in files), default=None)
    if newest is None:
        return sound("sources", "doctor_sources", count=len(profile.sources), days=0, **values)
    age = now - dt.datetime.fromtimestamp(newest, dt.UTC)
    where = standing(workspace, profile.name, now)
    if where is not None and _is_stale(where, age):
        return Line("sources", "doctor_sources_stale", values | {"days": max(age.days, 0)}, "export the sources again")
    return sound("sources", "doctor_sources", count=len(profile.sources), days=max(age.days, 0), **values)


def _is_stale(where: Standing, age: dt.timedelta) -> bool:
    last = where.planned.schedule().last(where.decision.next - dt.timedelta(seconds=1))
    return last is not None and age > _PERIODS_UNTIL_STALE * (where.decision.next - last) + dt.timedelta(hours=1)


def _unreachable(variable: str) -> str:
    """Return why the host of a remote source cannot be reached, without reading data; empty if it can."""
    url = os.environ.get(variable, "")
    if not url:
        return f"the variable {variable} is not set"
    address = read_address(url)
    if address is None or not address.port:
        return ""  # a file, or a database without a known port
    try:
        with socket.create_connection((address.host, address.port), _CONNECT_SECONDS):
            return ""
    except OSError as error:
        return f"{address.host}:{address.port}: {error.strerror or error}"


def _schedule_line(workspace: Workspace, name: str, now: dt.datetime, *, wakers: bool) -> Line:
    try:
        where = standing(workspace, name, now)
    except WorkbenchError as error:
        return to_fix("schedule", "doctor_schedule_fault", f"workbench schedule {name} --every ...", fault=str(error))
    example = f'workbench schedule {name} --every "Mon 06:00" --time-zone Asia/Shanghai --install'
    if where is None:
        return to_fix("schedule", "doctor_schedule_none", example, profile=name)
    schedule, decision = where.planned.schedule(), where.decision
    moment = decision.moment or decision.next
    values = {"profile": name, "moment": f"{schedule.local(moment):%Y-%m-%d %H:%M} {schedule.zone.key}"}
    if where.missed:
        return Line("schedule", "doctor_schedule_missed", values, f"workbench schedule due {name}")
    if where.state is not None and where.state.outcome in ("failed", "refused") and not where.running:
        code = {"code": where.state.exit_code}
        return Line("schedule", "doctor_schedule_failed", values | code, f"workbench run {name}")
    installed = installed_wakers(waker_of(workspace, name, schedule)) if wakers else ["-"]
    if not installed:
        return Line("schedule", "doctor_schedule_asleep", values, f"workbench schedule {name} --install")
    values["next"] = f"{schedule.local(decision.next):%Y-%m-%d %H:%M} {schedule.zone.key}"
    return Line("schedule", "doctor_schedule_running" if where.running else "doctor_schedule_kept", values)


def _hooks(workspace: Workspace, profiles: list[Profile], now: dt.datetime) -> list[Line]:
    receipts = read_receipts(workspace)
    abandoned = [receipt for receipt in receipts if receipt.is_abandoned()]
    recent = (now - dt.timedelta(days=_RECENT_DAYS)).strftime("%Y%m%dT%H%M%S")
    failed = [
        receiver for receipt in receipts if receipt.path.name > recent
        for receiver in receipt.receivers if receiver["state"] == "failed"
    ]  # fmt: skip
    refused = sorted({host for profile in profiles for host in _refused_hosts(profile)})
    lines = []
    if refused:
        names = ",".join(refused)
        lines.append(to_fix("hooks", "doctor_hooks_refused", f"export {HOSTS_VARIABLE}={names}", hosts=names))
    if abandoned:
        repair = partial(_deliver_again, workspace)
        lines.append(to_fix("hooks", "doctor_hooks_waiting", _FIX, repair, count=len(abandoned)))
    if failed:
        values = {"count": len(failed), "detail": str(failed[-1]["detail"])}
        lines.append(Line("hooks", "doctor_hooks_failed", values, "less .workbench/hooks/*.json"))
    return lines or [sound("hooks", "doctor_hooks", count=len(receipts))]


def _refused_hosts(profile: Profile) -> list[str]:
    """Return the hosts in the hooks of a profile that the environment does not allow."""
    refused = []
    for hook in (hook for event in EVENTS for hook in profile.run.hooks.of(event)):
        if hook.mail is not None and not is_allowed(
            hook.mail.host, hook.mail.port, encrypted=hook.mail.security != "none"
        ):
            refused.append(f"{hook.mail.host}:{hook.mail.port}")
        if hook.webhook is not None:
            text = hook.webhook
            address = read_address(os.environ.get(text[4:], "") if text.startswith("env:") else text)
            if address and not is_allowed(address.host, address.port, encrypted=address.scheme == "https"):
                refused.append(f"{address.host}:{address.port}")
    return refused


def _deliver_again(workspace: Workspace) -> None:
    for receipt in read_receipts(workspace):
        if receipt.is_abandoned():
            start_delivery(workspace, receipt)
