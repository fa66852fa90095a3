"""Kernels forked from one process that only holds imports; fresh kernels where forking is not possible.

A fresh kernel spends seconds on imports that the previous kernel has already done. On Linux a flow starts one process
(:mod:`workbench.run.flows.kernel_server`) that imports once, while the runner starts, and each stage gets a kernel
forked from it, with its own environment. If that process cannot be started, has ended or declines (for example because
the code has changed), the stage gets a fresh kernel.
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
_START = "workbench.run.stages.stage"  # the module behind `from workbench import start`
_SECRET = "WORKBENCH_"  # prefix of keys and run contexts, which only kernels may get
_ANSWER_SECONDS = 45.0  # longest wait for imports; then the stage gets a fresh kernel
_END_SECONDS = 1.0


class KernelServer:
    """The runner's end of the process from which kernels are forked.

    Parameters
    ----------
    environment : mapping
        Environment of the kernels; the server does not get the keys of the workbench.
    workspace : Path, optional
        Where the private files of killed kernels are removed.

    Attributes
    ----------
    declined : str or None
        Why the last request to fork a kernel was declined.
    """

    def __init__(self, environment: Mapping[str, str], workspace: Path | None = None):
        self.workspace = workspace
        self.environment = {name: value for name, value in environment.items() if not name.startswith(_SECRET)}
        self.process: subprocess.Popen | None = None
        self.control: socket.socket | None = None
        self.declined: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, modules: Sequence[str] = ()) -> None:
        """Start the process if possible and not yet started, and send the modules to import, first needed first.

        Parameters
        ----------
        modules : sequence of str
        """
        if self.process is not None or not can_fork():
            return
        self.control, server_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "workbench.run.flows.kernel_server", str(server_end.fileno())]
        command += [str(self.workspace)] if self.workspace else []
        with server_end:
            try:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    env=self.environment,
                    pass_fds=[server_end.fileno()],
                    start_new_session=True,
                )
            except OSError:  # for example no memory: all kernels are fresh ones
                self._give_up()
                return
        self._send({"expect": [*_ALWAYS, *modules]})

    def launch(
        self, command: Sequence[str], *, environment: Mapping[str, str], cwd: str, modules: Sequence[str] = ()
    ) -> ForkedKernel | None:
        """Fork a kernel; return None if a fresh one must be started instead.

        Parameters
        ----------
        command : sequence of str
            The command that would start a fresh kernel.
        environment : mapping
            The complete environment of the kernel.
        cwd : str
        modules : sequence of str
            Imported before the fork.
        """
        if self.control is None or list(command[: len(_LAUNCHER)]) != _LAUNCHER:
            return None
        own_end, server_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"arguments": list(command[len(_LAUNCHER) :]), "environment": dict(environment), "cwd": cwd}
        request["modules"] = [*_ALWAYS, *modules]
        with server_end:
            if not self._send(request, server_end.fileno(), 1, 2):
                own_end.close()
                return None
        answer = _answer(own_end)
        if "pid" in answer:
            return ForkedKernel(own_end, answer["pid"])
        self.declined = answer.get("refused", "no answer")
        own_end.close()
        return None

    def close(self) -> None:
        """End the process and the kernels that still run."""
        process, self.process = self.process, None
        self._give_up()
        if process is None:
            return
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # it is still importing
            process.kill()
            process.wait()

    def _send(self, message: Mapping[str, Any], *descriptors: int) -> bool:
        if self.control is None:
            return False
        try:
            socket.send_fds(self.control, [json.dumps(message).encode()], descriptors)
        except OSError:  # the server has ended
            return False
        return True

    def _give_up(self) -> None:
        if self.control is not None:
            self.control.close()
        self.control = None


class ForkedKernel:
    """A forked kernel with the ``Popen`` methods that a kernel manager uses.

    Attributes
    ----------
    pid : int
    returncode : int or None
        Negative if a signal ended it; None while it runs.
    """

    stdin = stdout = stderr = None

    def __init__(self, channel: socket.socket, pid: int):
        self.channel, self.pid = channel, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._exit_code(wait=False)

    def wait(self) -> int | None:
        """Wait until the kernel ends, and return its exit code."""
        return self._exit_code(wait=True)

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel and its child processes."""
        try:
            self.channel.send(json.dumps({"signal": int(number)}).encode())
        except OSError:  # it has ended, perhaps with the server
            return

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the kernel."""
        self.send_signal(signal.SIGKILL)

    def _exit_code(self, *, wait: bool) -> int | None:
        if self.returncode is None:
            self.channel.setblocking(wait)
            try:
                message = _read(self.channel)
            except BlockingIOError:
                return None
            self.returncode = message.get("exit", -signal.SIGKILL)  # without a server its kernels are killed
            self.channel.close()
        return self.returncode


def can_fork() -> bool:
    """Return whether kernels can be forked: only on Linux, where forking is safe and pidfd reports a child's end."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


def imported_by(notebook: Path) -> list[str]:
    """Return the modules of the workbench that a notebook imports, and the drawing modules if it draws charts."""
    return list(_imported_by(notebook, notebook.stat().st_mtime_ns))


@cache
def _imported_by(notebook: Path, _modified: int) -> tuple[str, ...]:
    names: dict[str, None] = {}
    try:
        sources = notebook_sources(notebook)
    except (ValueError, KeyError):  # not a notebook: its stage reports that
        return ()
    for source in sources:
        try:
            tree = ast.parse(source)
        except SyntaxError:  # Markdown, or a magic
            continue
        imports = (name for node in tree.body for name in _imported(node))
        names |= dict.fromkeys(name for name in imports if name.startswith("workbench."))
    return (*names, *(_DRAWING if any(".plots" in name for name in names) else ()))


def kernel_manager_class(
    server: KernelServer | None,
    environment: Mapping[str, str],
    modules: Sequence[str] = (),
    running: list[AsyncKernelManager] | None = None,
) -> type[AsyncKernelManager]:
    """Return the kernel manager class for one run of one notebook.

    Parameters
    ----------
    server : KernelServer or None
        Forks the kernel; None for a fresh one.
    environment : mapping
        The complete environment of the kernel.
    modules : sequence of str
        Imported before the fork.
    running : list, optional
        Each manager is appended to it when it starts, so that `end_kernels` can end its kernel from another thread.
    """
    from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415
    from jupyter_client.provisioning import LocalProvisioner  # noqa: PLC0415

    class ForkingProvisioner(LocalProvisioner):
        """Forks the kernel from the server; starts a fresh one if the server declines."""

        async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
            cwd = str(options.get("cwd") or Path.cwd())
            forked = server.launch(cmd, environment=options["env"], cwd=cwd, modules=modules) if server else None
            if forked is None:
                return await super().launch_kernel(cmd, **options)
            process: Any = forked  # has the part of Popen that is used here
            self.process, self.pid, self.pgid, self.cwd = process, forked.pid, None, cwd
            return self.connection_info

    class KernelManager(AsyncKernelManager):
        """Starts its kernel in the environment of the run."""

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
    """End kernels that were started in other threads; their runs fail as if the kernel had died."""
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
    """Wait for the reply to a request: the process id of the kernel, or the reason why none was forked."""
    channel.settimeout(_ANSWER_SECONDS)
    try:
        return _read(channel)
    except TimeoutError:
        return {}


def _read(channel: socket.socket) -> dict[str, Any]:
    """Return a message of the server; an empty one if the server has ended."""
    try:
        content = channel.recv(LARGEST_MESSAGE)
    except ConnectionError:
        content = b""
    return json.loads(content) if content else {}
