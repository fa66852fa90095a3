"""Servers end with the command that started them, however it ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

# the server starts a worker, as MLflow's does, and both write their process ids
SERVER = """
import os, pathlib, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
if len(sys.argv) == 2:
    subprocess.Popen([sys.executable, __file__, str(folder), "worker"])
(folder / ("worker" if len(sys.argv) == 3 else "server")).write_text(str(os.getpid()))
time.sleep(60)
"""
COMMAND = "import sys; from pathlib import Path; from workbench.run.commands.servers import serve; serve([sys.executable, *sys.argv[1:]], Path.cwd(), {})"


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def waited(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


OTHERS = (signal.SIGINT, signal.SIGHUP, signal.SIGKILL)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, *(pytest.param(other, marks=pytest.mark.slow) for other in OTHERS)])
def test_the_server_and_its_workers_end_with_the_command(tmp_path, number):
    script = tmp_path / "server.py"
    script.write_text(SERVER, encoding="utf-8")
    command = subprocess.Popen([sys.executable, "-c", COMMAND, str(script), str(tmp_path)])
    pid_files = [tmp_path / "server", tmp_path / "worker"]
    assert waited(lambda: all(path.is_file() and path.read_text() for path in pid_files))
    pids = [int(path.read_text()) for path in pid_files]
    assert all(alive(pid) for pid in pids)
    command.send_signal(number)
    command.wait(30)
    assert waited(lambda: not any(alive(pid) for pid in pids)), pids


def test_the_exit_code_is_that_of_the_server(tmp_path):
    code = "import sys; from pathlib import Path; from workbench.run.commands.servers import serve; sys.exit(serve([sys.executable, '-c', 'raise SystemExit(7)'], Path.cwd(), {}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 7
