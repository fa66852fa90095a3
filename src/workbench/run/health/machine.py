"""Doctor checks of the machine: disk space and kept runs, memory, clock, ports."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import ProfileError
from workbench.core.params.profile import load_profile, profile_names
from workbench.run.health.line import Line, sound, to_fix
from workbench.run.history.cleaning import folder_bytes
from workbench.run.history.runs import kept_runs, profiles_with_runs

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["examine_machine"]

_GIGABYTE = 1e9
_LEAST_FREE_GB = 2.0
_PORTS = {"lab": 8888, "ui": 5000}
_PROCESSES = {"lab": "jupyterlab", "ui": "mlflow"}


def examine_machine(workspace: Workspace, now: dt.datetime) -> list[Line]:
    """Check the machine, as far as this user can see it."""
    return [*_disk(workspace), _memory(workspace), _clock(workspace, now), *(_port(name) for name in _PORTS)]


def _disk(workspace: Workspace) -> list[Line]:
    free = shutil.disk_usage(workspace.root).free / _GIGABYTE
    parts = {"reports": workspace.root / "reports", "tracking": workspace.tracking,
             "tables": workspace.root / "data" / "processed"}  # fmt: skip
    sizes = {name: folder_bytes(path) / _GIGABYTE if path.is_dir() else 0.0 for name, path in parts.items()}
    runs = sum(len(kept_runs(workspace, name)) for name in profiles_with_runs(workspace))
    values = {"free": f"{free:.1f}", "runs": runs, **{name: f"{size:.2f}" for name, size in sizes.items()}}
    if free < _LEAST_FREE_GB:
        return [Line("disk", "doctor_disk_full", values, "workbench runs clean --keep 3 --yes")]
    return [Line("disk", "doctor_disk", values)]


def _memory(workspace: Workspace) -> Line:
    available = _available_gb()
    if available is None:
        return sound("memory", "doctor_memory_unseen")
    needs = {}
    for name in profile_names(workspace):
        with suppress(ProfileError):
            needs[name] = load_profile(workspace, name).run.memory_limit_gb
    most = max(needs.values(), default=0.0)
    values = {"available": f"{available:.1f}", "needed": f"{most:g}"}
    if most > available:
        name = max(needs, key=lambda profile: needs[profile])
        command = f"workbench run {name} --set run.memory_limit_gb={max(0.25, available / 2):.2g}"
        return Line("memory", "doctor_memory_short", values, command)
    return Line("memory", "doctor_memory", values)


def _available_gb() -> float | None:
    """Return the memory available to a process, in GB: of the machine, or of its control group."""
    amounts = []
    with suppress(OSError, AttributeError):
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        amounts.append(int(re.search(r"MemAvailable:\s+(\d+) kB", text)[1]) * 1024)  # type: ignore[index]
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text(encoding="ascii"))
        amounts.append(most - int((group / "memory.current").read_text(encoding="ascii")))
    return min(amounts) / _GIGABYTE if amounts else None


def _clock(workspace: Workspace, now: dt.datetime) -> Line:
    """Compare the clock with the newest run and the newest file of the workspace's own folder."""
    times = [record.started for name in profiles_with_runs(workspace) for record in kept_runs(workspace, name, 1)]
    newest = max((time for time in times if time is not None), default=None)
    if newest is not None and newest > now + dt.timedelta(minutes=2):
        values = {"now": f"{now:%Y-%m-%d %H:%M}", "run": f"{newest:%Y-%m-%d %H:%M}"}
        return Line("clock", "doctor_clock_back", values, "timedatectl set-ntp true")
    return sound("clock", "doctor_clock", now=f"{now:%Y-%m-%d %H:%M}", zone=now.astimezone().tzname() or "UTC")


def _port(name: str) -> Line:
    port = _PORTS[name]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            if _is_running(_PROCESSES[name], port):
                return sound(f"port_{name}", "doctor_port_own", port=port)
            return to_fix(f"port_{name}", "doctor_port_taken", f"workbench {name} --port {port + 1}", port=port)
    return sound(f"port_{name}", "doctor_port_free", port=port)


def _is_running(program: str, port: int) -> bool:
    """Return whether a server of the workbench uses the port, by the command lines of the processes."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            arguments = path.read_bytes().decode(errors="replace").split("\0")
            if program in arguments and any(str(port) in word for word in arguments):
                return True
    return False
