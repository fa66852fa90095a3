"""Start JupyterLab and the MLflow UI; both end with the command that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.core.held_secrets import KEY_VARIABLES

__all__ = ["serve"]

_GRACE_SECONDS = 10
# wait until the command at the other end of the pipe ends, for any reason, then end the process group of the server
_WATCH = """
import os, signal, sys, time
sys.stdin.buffer.read()
for number in (signal.SIGTERM, signal.SIGKILL):
    try:
        os.killpg(int(sys.argv[1]), number)
    except ProcessLookupError:
        break
    time.sleep(float(sys.argv[2]))
"""


def serve(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Run a server until it or this process ends; return its exit code.

    The server and its workers are one process group, which ends with this process, also after a SIGKILL.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        Where the server runs.
    environment : mapping of str to str
        Added to the environment of this process; the key of the vault is not passed on.
    """
    variables = {name: value for name, value in os.environ.items() if name not in KEY_VARIABLES} | dict(environment)
    server = subprocess.Popen(command, cwd=folder, env=variables, start_new_session=True)
    watch = [sys.executable, "-c", _WATCH, str(server.pid), str(_GRACE_SECONDS)]
    with subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True):
        before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            _end_group(server)


def _end(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _end_group(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            return
        try:
            server.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
