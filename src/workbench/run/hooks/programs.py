"""Hooks that run a program: message on standard input, limited time and output, killed with its child processes."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["HookFailed", "run_program"]

_KEPT_BYTES = 2_000  # of the output, for the receipt
_MOST_BYTES = 4_000_000  # of the output; a program that prints more is ended
_BLOCK = 65_536
_TICK_SECONDS = 0.2
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR")
_OWN_PREFIXES = ("LC_", "WORKBENCH_HOOK_")


class HookFailed(Exception):
    """A hook could not be delivered; the text says why and does not contain the message."""


def run_program(command: list[str], message: str, *, folder: Path, seconds: float) -> str:
    """Run a program in the workspace and wait for it.

    It inherits a few environment variables and those that begin with ``WORKBENCH_HOOK_``, but not the key of the vault
    or a password.

    Parameters
    ----------
    command : list of str
    message : str
        Written to its standard input.
    folder : Path
        The working directory.
    seconds : float
        Time limit, after which the program is killed.

    Returns
    -------
    str
        The beginning of its output.

    Raises
    ------
    HookFailed
        The program cannot be started, takes too long, prints too much or ends with a code other than 0.
    """
    environment = {
        name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith(_OWN_PREFIXES)
    }
    program = str(folder / command[0]) if "/" in command[0] else command[0]
    try:
        process = subprocess.Popen(
            [program, *command[1:]], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise HookFailed(f"cannot be started: {error.strerror or error}") from None
    try:
        with suppress(BrokenPipeError, OSError):
            if process.stdin is not None:
                process.stdin.write(message.encode())
                process.stdin.close()
        output = _read(process, time.monotonic() + seconds, seconds)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if process.returncode:
        raise HookFailed(f"ended with {process.returncode}: {output}".rstrip(": \n"))
    return output


def _read(process: subprocess.Popen[bytes], deadline: float, seconds: float) -> str:
    """Read until the program ends; keep the beginning."""
    begun, total = b"", 0
    with selectors.DefaultSelector() as selector:
        if process.stdout is None:
            return ""
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if selector.select(_TICK_SECONDS):
                block = os.read(process.stdout.fileno(), _BLOCK)
                if not block:
                    return _ended(process, deadline, seconds, begun)
                total += len(block)
                begun = (begun + block)[:_KEPT_BYTES]
                if total > _MOST_BYTES:
                    raise HookFailed(f"printed more than {_MOST_BYTES:,} bytes")
            elif process.poll() is not None:  # a child process of the program still holds the pipe
                return begun.decode(errors="replace")
    raise HookFailed(f"did not end within {seconds:g} s")


def _ended(process: subprocess.Popen[bytes], deadline: float, seconds: float, output: bytes) -> str:
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise HookFailed(f"did not end within {seconds:g} s") from None
    return output.decode(errors="replace")
