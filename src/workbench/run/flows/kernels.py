"""Kernels forked from one process that holds imports and nothing else, where that can be done; fresh ones elsewhere.

A fresh kernel spends seconds on importing what the kernel before it has imported already. On Linux a flow starts one
process (:mod:`workbench.run.flows.kernel_server`) that imports once, beside the runner's own start, and each stage
gets a kernel forked from it: a process of its own, with the environment it is given. Where that process cannot be
started, has ended or declines (the code has changed, say), the stage gets a fresh kernel.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workbench.run.flows.kernel_server import LARGEST_MESSAGE
from workbench.run.keys.code import notebook_sources

if TYPE_CHECKING:  # it takes a third of a second to import
    from jupyter_client.manager import AsyncKernelManager

__all__ = ["ForkedKernel", "KernelServer", "can_fork", "end_kernels", "imported_by", "kernel_manager_class"]

_ALWAYS = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "IPython.extensions.storemagic")
_DRAWING = ("matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg")
_LAUNCHER = [sys.executable, "-m", "ipykernel_launcher"]
_START = "workbench.run.stages.stage"  # what `from workbench import start` enters
_SECRET = "WORKBENCH_"  # keys and run contexts are for the kernels that are given them
_ANSWER_SECONDS = 45.0  # for the imports a stage waits for; then it gets a fresh kernel
_END_SECONDS = 1.0


class KernelServer:
    """The runner's hold on the process that kernels are forked from.

    Parameters
    ----------
    environment : mapping
        That of the kernels; keys of the workbench are not told to the server.

    Attributes
    ----------
    declined : str or None
        Why the last kernel that could not be forked was not.
    """

    def __init__(self, environment: Mapping[str, str]):
        self.environment = {name: value for name, value in environment.items() if not name.startswith(_SECRET)}
        self.process: subprocess.Popen | None = None
        self.control: socket.socket | None = None
        self.declined: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, modules: Sequence[str] = ()) -> None:
        """Start the process, unless that is done or cannot be, and tell it what to import, in order of need.

        Parameters
        ----------
        modules : sequence of str
        """
        if self.process is not None or not can_fork():
            return
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "workbench.run.flows.kernel_server", str(theirs.fileno())]
        with theirs:
            try:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    env=self.environment,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            except OSError:  # no memory, say: kernels are fresh ones then
                self._give_up()
                return
        self._send({"expect": [*_ALWAYS, *modules]})

    def launch(
        self, command: Sequence[str], *, environment: Mapping[str, str], cwd: str, modules: Sequence[str] = ()
    ) -> ForkedKernel | None:
        """Fork a kernel; return None where a fresh one is to be started instead.

        Parameters
        ----------
        command : sequence of str
            As a fresh kernel would be started.
        environment : mapping
            The kernel's, exactly.
        cwd : str
        modules : sequence of str
            What is imported before the fork.
        """
        if self.control is None or list(command[: len(_LAUNCHER)]) != _LAUNCHER:
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"arguments": list(command[len(_LAUNCHER) :]), "environment": dict(environment), "cwd": cwd}
        request["modules"] = [*_ALWAYS, *modules]
        with theirs:
            if not self._send(request, theirs.fileno(), 1, 2):
                ours.close()
                return None
        said = _answer(ours)
        if "pid" in said:
            return ForkedKernel(ours, said["pid"])
        self.declined = said.get("refused", "no answer")
        ours.close()
        return None

    def close(self) -> None:
        """End the process and the kernels that still run."""
        process, self.process = self.process, None
        self._give_up()
        if process is None:
            return
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # in the midst of an import
            process.kill()
            process.wait()

    def _send(self, message: Mapping[str, Any], *descriptors: int) -> bool:
        try:
            socket.send_fds(self.control, [json.dumps(message).encode()], descriptors)
        except OSError:  # it has ended
            return False
        return True

    def _give_up(self) -> None:
        if self.control is not None:
            self.control.close()
        self.control = None


class ForkedKernel:
    """The process of a forked kernel, as far as a kernel manager asks of a process.

    Attributes
    ----------
    pid : int
    returncode : int or None
        Negative where a signal ended it; None while it runs.
    """

    stdin = stdout = stderr = None

    def __init__(self, channel: socket.socket, pid: int):
        self.channel, self.pid = channel, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._hear(wait=False)

    def wait(self) -> int | None:
        """Wait until it has ended, and return how."""
        return self._hear(wait=True)

    def send_signal(self, number: int) -> None:
        """Send a signal to it and what it has started."""
        try:
            self.channel.send(json.dumps({"signal": int(number)}).encode())
        except OSError:  # it has ended, and so may the server have
            return

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _hear(self, *, wait: bool) -> int | None:
        if self.returncode is None:
            self.channel.setblocking(wait)
            try:
                said = _read(self.channel)
            except BlockingIOError:
                return None
            self.returncode = said.get("exit", -signal.SIGKILL)  # a server that is gone has taken its kernels along
            self.channel.close()
        return self.returncode


def can_fork() -> bool:
    """Say whether kernels can be forked here: on Linux alone is that safe, and a child's end seen at once."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


def imported_by(notebook: Path) -> list[str]:
    """Return the modules of the workbench that a notebook imports in its cells, and what charts are drawn with."""
    return list(_imported_by(notebook, notebook.stat().st_mtime_ns))


@cache
def _imported_by(notebook: Path, _changed: int) -> tuple[str, ...]:
    found: dict[str, None] = {}
    try:
        sources = notebook_sources(notebook)
    except (ValueError, KeyError):  # no notebook: its stage tells of it
        return ()
    for source in sources:
        try:
            tree = ast.parse(source)
        except SyntaxError:  # text, or a magic
            continue
        found |= dict.fromkeys(name for node in tree.body for name in _imported(node) if name.startswith("workbench."))
    return (*found, *(_DRAWING if any(".plots" in name for name in found) else ()))


def kernel_manager_class(
    server: KernelServer | None,
    environment: Mapping[str, str],
    modules: Sequence[str] = (),
    running: list[AsyncKernelManager] | None = None,
) -> type[AsyncKernelManager]:
    """Return the kernel manager of one run of one notebook.

    Parameters
    ----------
    server : KernelServer or None
        Forks the kernel; None for a fresh one.
    environment : mapping
        The kernel's, exactly.
    modules : sequence of str
        What is imported before the fork.
    running : list, optional
        Each manager is put there as it starts, so that `end_kernels` can end its kernel from another thread.
    """
    from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415
    from jupyter_client.provisioning import LocalProvisioner  # noqa: PLC0415

    class ForkingProvisioner(LocalProvisioner):
        """Forks the kernel from the server; starts a fresh one where the server declines."""

        async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
            cwd = str(options.get("cwd") or Path.cwd())
            forked = server.launch(cmd, environment=options["env"], cwd=cwd, modules=modules)
            if forked is None:
                return await super().launch_kernel(cmd, **options)
            self.process, self.pid, self.pgid, self.cwd = forked, forked.pid, None, cwd
            return self.connection_info

    class KernelManager(AsyncKernelManager):
        """Gives its kernel the environment of the run."""

        async def _async_pre_start_kernel(self, **options: Any) -> Any:
            self.kernel_id = self.kernel_id or str(uuid.uuid4())
            if running is not None:
                running.append(self)
            if self.provisioner is None and server is not None:
                spec = self.kernel_spec
                self.provisioner = ForkingProvisioner(kernel_id=self.kernel_id, kernel_spec=spec, parent=self)
            return await super()._async_pre_start_kernel(env=dict(environment), **options)

    return KernelManager


def end_kernels(running: Sequence[AsyncKernelManager]) -> None:
    """End the kernels of managers that were started in other threads; their runs fail as if the kernel had died."""
    for manager in list(running):
        process = getattr(manager.provisioner, "process", None)
        if process is not None:
            process.kill()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        return [_START if name == "workbench.start" else name for name in names]
    return []


def _answer(channel: socket.socket) -> dict[str, Any]:
    """Wait for the process id of the kernel that was asked for, or why there is none."""
    channel.settimeout(_ANSWER_SECONDS)
    try:
        return _read(channel)
    except TimeoutError:
        return {}


def _read(channel: socket.socket) -> dict[str, Any]:
    """Return what the server says of a kernel; nothing once it is gone."""
    try:
        content = channel.recv(LARGEST_MESSAGE)
    except ConnectionError:
        content = b""
    return json.loads(content) if content else {}
