"""What wakes the workbench up: a systemd timer with its service, or a line of the crontab.

Both call ``workbench schedule due PROFILE``, which decides. systemd skips a local time that the clock jumps over, and
neither tries again after a run was refused because another held the workspace; therefore the timer also fires at every
full hour, and cron every five minutes.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_text

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.schedules.moments import Schedule

__all__ = ["Waker", "install_cron", "install_systemd", "installed_wakers", "remove_wakers", "waker_of"]

_CRONTAB = "crontab"
_EVERY_FEW_MINUTES, _EVERY_MINUTE = "*/5 * * * *", "* * * * *"
_LEAST_MINUTES_FOR_FIVE = 10  # intervals below it are polled every minute


@dataclass(frozen=True)
class Waker:
    """The units and the cron line of a profile.

    Attributes
    ----------
    name : str
        Of the units, without ending.
    service, timer : str
        The content of the units.
    cron : str
        A line of the crontab.
    mark : str
        The end of that line, by which it is found again.
    """

    name: str
    service: str
    timer: str
    cron: str
    mark: str


def waker_of(workspace: Workspace, profile: str, schedule: Schedule) -> Waker:
    """Return what wakes the workbench up for a profile.

    Parameters
    ----------
    workspace : Workspace
    profile : str
    schedule : Schedule
    """
    program = Path(sys.executable).with_name("workbench")
    command = [str(program), "schedule", "due", profile, "--quiet"]
    name = re.sub("[^A-Za-z0-9_]+", "-", f"workbench-{workspace.root.name}-{profile}")
    service = "\n".join(
        [
            "[Unit]",
            f"Description=Customer portraits: the scheduled run of {profile}",
            "",
            "[Service]",
            "Type=oneshot",
            f"WorkingDirectory={_unit_text(workspace.root)}",
            f"ExecStart={' '.join(_unit_word(word) for word in command)}",
            "# hooks are delivered after the run has ended; 4: another run holds the workspace, it is tried again",
            "KillMode=process",
            "SuccessExitStatus=4",
            "UMask=0077",
            "",
        ]
    )
    often = [] if schedule.is_interval() else ["OnCalendar=hourly"]
    timer = "\n".join(
        [
            "[Unit]",
            f"Description=Customer portraits: {profile}, {schedule.every} {schedule.zone.key}",
            "",
            "[Timer]",
            f"OnCalendar={schedule.on_calendar()}",
            *often,
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
            "",
        ]
    )
    polled_often = 0 < schedule.minutes < _LEAST_MINUTES_FOR_FIVE
    mark = f"# workbench schedule {profile} {workspace.root}"
    log = "reports/cron.log"
    words = " ".join(shlex.quote(word) for word in command)
    line = f"cd {shlex.quote(str(workspace.root))} && {words} >> {log} 2>&1 {mark}".replace("%", r"\%")
    return Waker(name, service, timer, f"{_EVERY_MINUTE if polled_often else _EVERY_FEW_MINUTES} {line}", mark)


def install_systemd(waker: Waker) -> list[Path]:
    """Write the units of the user and switch the timer on; return their paths.

    Raises
    ------
    DataError
        This machine runs no systemd of the user; the units are written, and are no use before it does.
    """
    folder = _unit_folder()
    paths = [
        write_text(folder / f"{waker.name}.service", waker.service),
        write_text(folder / f"{waker.name}.timer", waker.timer),
    ]
    for words in (["daemon-reload"], ["enable", "--now", f"{waker.name}.timer"]):
        fault = _fault_of(["systemctl", "--user", *words])
        if fault:
            written = f"The units are written to {folder}"
            remedy = "Use --as cron on this machine, or start systemd for this user (loginctl enable-linger)"
            raise DataError(Fault("systemctl --user", fault, written, remedy))
    return paths


def install_cron(waker: Waker) -> None:
    """Put the line into the crontab of the user, in place of an earlier one of the same profile and workspace.

    Raises
    ------
    DataError
        There is no crontab on this machine, or it refuses the line.
    """
    lines = [line for line in _crontab() if not line.endswith(waker.mark)]
    _write_crontab([*lines, waker.cron])


def remove_wakers(waker: Waker) -> list[str]:
    """Remove the units and the line of a profile; return what was removed."""
    removed = []
    lines = _crontab(missing=[])
    if any(line.endswith(waker.mark) for line in lines):
        _write_crontab([line for line in lines if not line.endswith(waker.mark)])
        removed.append("crontab")
    paths = [_unit_folder() / f"{waker.name}{ending}" for ending in (".timer", ".service")]
    if any(path.is_file() for path in paths):
        _fault_of(["systemctl", "--user", "disable", "--now", f"{waker.name}.timer"])
        for path in paths:
            path.unlink(missing_ok=True)
        removed.append(f"systemd: {waker.name}")
    return removed


def installed_wakers(waker: Waker) -> list[str]:
    """Return what wakes this profile up on this machine, ``cron`` and ``systemd``, as far as the user may see it."""
    present = ["cron"] if any(line.endswith(waker.mark) for line in _crontab(missing=[])) else []
    return present + (["systemd"] if (_unit_folder() / f"{waker.name}.timer").is_file() else [])


def _unit_folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "systemd" / "user"


def _unit_text(path: Path) -> str:
    return str(path).replace("%", "%%")


def _unit_word(word: str) -> str:
    """Quote a word of a command line as systemd reads it."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if any(char in text for char in " \t'\"\\;") else text


def _crontab(missing: list[str] | None = None) -> list[str]:
    """Return the lines of the user's crontab; the given ones where this machine has none."""
    try:
        process = subprocess.run([_CRONTAB, "-l"], capture_output=True, text=True, check=False, timeout=20)
    except (FileNotFoundError, PermissionError):
        if missing is not None:
            return missing
        remedy = "Install cron (apt-get install cron), use --as systemd, or call the printed line every few minutes"
        raise DataError(Fault(_CRONTAB, "no such program on this machine", "", remedy)) from None
    return process.stdout.splitlines() if process.returncode == 0 else []


def _write_crontab(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    process = subprocess.run([_CRONTAB, "-"], input=text, capture_output=True, text=True, check=False, timeout=20)
    if process.returncode:
        raise DataError(Fault(_CRONTAB, process.stderr.strip() or "refused the line"))


def _fault_of(command: list[str]) -> str:
    """Run a command; return what it said if it failed, or nothing."""
    try:
        process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        return "no such program on this machine"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if process.returncode == 0 else (process.stderr.strip().splitlines() or ["failed"])[0]
