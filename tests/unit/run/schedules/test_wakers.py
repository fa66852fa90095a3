"""The systemd units and the cron line: read by systemd and by a crontab, installed once, removed again."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from workbench.core.errors import DataError
from workbench.core.workspace import Workspace
from workbench.run.schedules.moments import read_schedule
from workbench.run.schedules.wakers import (
    install_cron,
    install_systemd,
    installed_wakers,
    remove_wakers,
    waker_of,
)

CRONTAB = """#!/bin/sh
# a crontab in a file
if [ "$1" = -l ]; then [ -f "$TABLE" ] && cat "$TABLE" || exit 1; else cat > "$TABLE"; fi
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with a crontab, without systemd."""
    (tmp_path / "bin").mkdir()
    for name, text in (("crontab", CRONTAB), ("systemctl", "#!/bin/sh\necho 'no bus' >&2; exit 1\n")):
        (tmp_path / "bin" / name).write_text(text, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("TABLE", str(tmp_path / "table"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def waker(root, every="Mon 06:00", profile="tiny"):
    return waker_of(Workspace(Path(root)), profile, read_schedule(every, "Asia/Shanghai"))


def test_the_units_name_the_moment_and_the_command(tmp_path):
    units = waker(tmp_path)
    assert "OnCalendar=Mon *-*-* 06:00:00 Asia/Shanghai\nOnCalendar=hourly\nPersistent=true\n" in units.timer
    assert f"WorkingDirectory={tmp_path}\n" in units.service
    assert units.service.count("workbench schedule due tiny --quiet\n") == 1
    assert units.cron.startswith(f"*/5 * * * * cd {tmp_path} && ")
    assert waker(tmp_path, "5 minutes").cron.startswith("* * * * * ")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("every", ["Mon 06:00", "last 23:30", "1,15 06:05", "10 minutes", "2 hours", "Fri-Mon 00:00"])
def test_systemd_reads_the_units(tmp_path, every):
    root = tmp_path / "a b%c"
    root.mkdir()
    units = waker(root, every)
    names = {f"{units.name}{end}": text
             for end, text in ((".service", units.service), (".timer", units.timer))}  # fmt: skip
    for name, text in names.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in names)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in process.stderr.splitlines() if str(tmp_path) in line or "workbench-" in line]
    assert (process.returncode, complaints) == (0, [])


def test_the_name_of_the_units_is_one_that_systemd_takes(tmp_path):
    assert waker(tmp_path / "Kunden & 客户 %i").name == "workbench-Kunden-i-tiny"


def test_the_line_of_a_profile_stands_in_the_crontab_once(machine):
    (machine / "table").write_text("0 1 * * * backup\n", encoding="utf-8")
    for every in ("Mon 06:00", "5 minutes"):
        install_cron(waker(machine, every))
    install_cron(waker(machine, profile="other"))
    lines = (machine / "table").read_text(encoding="utf-8").splitlines()
    assert lines == ["0 1 * * * backup", waker(machine, "5 minutes").cron, waker(machine, profile="other").cron]
    assert installed_wakers(waker(machine)) == ["cron"]
    assert remove_wakers(waker(machine)) == ["crontab"]
    assert (machine / "table").read_text(encoding="utf-8").splitlines() == [lines[0], lines[2]]
    assert installed_wakers(waker(machine)) == remove_wakers(waker(machine)) == []


def test_the_line_runs_in_a_shell_whatever_the_folder_is_called(machine):
    root = machine / 'it\'s 100% "here"'
    (root / "reports").mkdir(parents=True)
    line = waker(root).cron.split(" ", 5)[5]
    command = line.replace(r"\%", "%")  # as cron does
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 2  # there are no params in it
    assert "no params/" in (root / "reports/cron.log").read_text(encoding="utf-8")


def test_without_systemd_or_crontab_the_error_says_what_to_do(machine, monkeypatch):
    with pytest.raises(DataError, match=r"no bus.*Use --as cron"):
        install_systemd(waker(machine))
    assert installed_wakers(waker(machine)) == ["systemd"]
    assert remove_wakers(waker(machine)) == [f"systemd: {waker(machine).name}"]
    monkeypatch.setenv("PATH", str(machine / "nowhere"))
    with pytest.raises(DataError, match="apt-get install cron"):
        install_cron(waker(machine))
    assert remove_wakers(waker(machine)) == []
