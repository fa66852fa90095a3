"""The process from which kernels are forked: it only imports the modules that stages need.

Started by :mod:`workbench.run.flows.kernels` as ``python -m workbench.run.flows.kernel_server FD``, where FD is one end
of a socket pair. It imports as a kernel would (some libraries check for one during their import), keeps no threads and
no connections, and forks one ordinary kernel for each request. When the runner closes its end or dies, the remaining
kernels are killed and the process ends.
"""

from __future__ import annotations

import atexit
import builtins
import ctypes
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

__all__ = ["FORBIDDEN", "LARGEST_MESSAGE", "OWN_VARIABLES", "Server", "main"]

FORBIDDEN = {  # modules that must not be imported before a fork
    "polars": "its thread pool does not survive a fork",
    "mlflow": "only the runner imports it",
    "tqdm.autonotebook": "it chooses its progress bars by the kernel that imports it",
    "matplotlib_inline.backend_inline": "it registers with the kernel that imports it",
}
LARGEST_MESSAGE = 1 << 20
OWN_VARIABLES = (
    "JPY_PARENT_PID",
    "JPY_SESSION_NAME",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "_",
)  # no import reads them
_WHILE_IMPORTING = {
    "OPENBLAS_NUM_THREADS": "1",  # otherwise importing numpy starts its threads; the number is set after the fork
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # avoids a warning in the terminal
}
_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
_INLINE = "module://matplotlib_inline.backend_inline"  # the drawing backend of kernels
_PR_SET_PDEATHSIG = 1
_PRIVATE_FILES = ("data/interim/*/.s*-{pid}", "data/interim/*/scratch/*/interim/.s*-{pid}")  # scratch and spill
_THREAD_END_SECONDS = 1.0  # longest wait for threads to end


def _code_state() -> dict[str, tuple[int, int]]:
    """Return time and size of every file of the package, to detect code changed since it was imported."""
    package = Path(__file__).parents[2]
    states = ((path, path.stat()) for path in package.rglob("*") if path.suffix != ".pyc" and path.is_file())
    return {str(path): (state.st_mtime_ns, state.st_size) for path, state in states}


@dataclass
class _Kernel:
    """A forked kernel: its process, and its channel to the runner."""

    pid: int
    pidfd: int
    channel: socket.socket


@dataclass
class _ForkedChild:
    """The state that a forked child needs to become a kernel."""

    request: Mapping[str, Any]
    streams: tuple[int, int]
    parent: int
    before: frozenset[str]


@dataclass
class Server:
    """Handles the runner's requests, one at a time, in one thread.

    Parameters
    ----------
    control : socket.socket
        The server's end of the socket pair for requests.
    environment : mapping
        The environment in which the runner started the server.
    before : frozenset of str
        The names of the variables set before the first import.
    """

    control: socket.socket
    environment: Mapping[str, str]
    before: frozenset[str]
    expected: deque[str] = field(default_factory=deque)
    kernels: dict[int, _Kernel] = field(default_factory=dict)
    workspace: Path | None = None  # where private files of killed kernels are removed
    code: Mapping[str, tuple[int, int]] = field(default_factory=_code_state)

    def serve(self) -> _ForkedChild | None:
        """Handle requests until the runner has ended (return None) or this process is a forked child."""
        while True:
            for ready in self._ready():
                if ready is self.control:
                    message, streams = _receive(self.control)
                    if message is None:
                        self._kill_all()
                        return None
                    if child := self._handle_request(message, streams):
                        return child
                else:
                    self._handle_kernel(ready)

    def _ready(self) -> list[Any]:
        """Return the channels that can be read; while there are none, import the next expected module."""
        with selectors.PollSelector() as selector:
            sources: list[Any] = [self.control, *(k.channel for k in self.kernels.values()), *self.kernels]
            for source in sources:
                selector.register(source, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(0 if self.expected else None)]
        if not ready and self.expected:
            _import(self.expected.popleft())
        return ready

    def _handle_request(self, message: Mapping[str, Any], descriptors: list[int]) -> _ForkedChild | None:
        if "expect" in message:
            self.expected.extend(message["expect"])
            return None
        channel, stdout, stderr = descriptors
        return self._fork(message, socket.socket(fileno=channel), (stdout, stderr))

    def _fork(
        self, request: Mapping[str, Any], channel: socket.socket, streams: tuple[int, int]
    ) -> _ForkedChild | None:
        """Fork a kernel and send its process id, or send why none can be forked."""
        for name in request["modules"]:
            _import(name)
        reason = self._reason_to_decline(request["environment"])
        if reason:
            _send(channel, refused=reason)
            channel.close()
        else:
            gc.freeze()  # so that garbage collection in a child does not copy shared pages
            parent, pid = os.getpid(), os.fork()
            if pid == 0:
                self._close_server_ends(channel)
                return _ForkedChild(request, streams, parent, self.before)
            pidfd = os.pidfd_open(pid)
            self.kernels[pidfd] = _Kernel(pid, pidfd, channel)
            _send(channel, pid=pid)
        for stream in streams:
            os.close(stream)
        return None

    def _reason_to_decline(self, environment: Mapping[str, str]) -> str | None:
        """Return why a forked kernel would differ from a fresh one; None if it would not."""
        requested, base = _comparable(environment), _comparable(self.environment)
        differing = sorted(name for name in requested.keys() | base.keys() if requested.get(name) != base.get(name))
        if differing:
            return f"environment differs in {', '.join(differing)}"
        imported = sorted(FORBIDDEN.keys() & sys.modules.keys())
        if imported:
            return f"{imported[0]} is imported: {FORBIDDEN[imported[0]]}"
        if self.code != _code_state():
            return "the code has changed since it was imported"
        return None if _has_one_thread() else "a thread is running"

    def _handle_kernel(self, ready: socket.socket | int) -> None:
        """Pass a signal from the runner to a kernel, or report the end of a kernel."""
        kernel = next((k for k in self.kernels.values() if ready in (k.channel, k.pidfd)), None)
        if kernel is None:  # both its channel and its pidfd were ready, and it was removed
            return
        message, _ = _receive(ready) if ready is kernel.channel else (None, [])
        if message is not None:
            _signal(kernel.pid, message["signal"])
            return
        if ready is kernel.channel:  # the runner has closed its end
            _signal(kernel.pid, signal.SIGKILL)
        ended = os.waitstatus_to_exitcode(os.waitpid(kernel.pid, 0)[1])
        self._sweep(kernel.pid)
        _send(kernel.channel, exit=ended)
        self._remove(kernel)

    def _remove(self, kernel: _Kernel) -> None:
        del self.kernels[kernel.pidfd]
        kernel.channel.close()
        os.close(kernel.pidfd)

    def _kill_all(self) -> None:
        for kernel in self.kernels.values():
            _signal(kernel.pid, signal.SIGKILL)
        for kernel in self.kernels.values():
            with suppress(ChildProcessError):
                os.waitpid(kernel.pid, 0)
            self._sweep(kernel.pid)

    def _sweep(self, pid: int) -> None:
        """Remove the private intermediate files of a kernel that ended without removing them itself."""
        for pattern in _PRIVATE_FILES if self.workspace else ():
            for folder in (self.workspace or Path()).glob(pattern.format(pid=pid)):
                shutil.rmtree(folder, ignore_errors=True)

    def _close_server_ends(self, channel: socket.socket) -> None:
        """Close the server's descriptors in a child."""
        for kernel in list(self.kernels.values()):
            self._remove(kernel)
        channel.close()
        self.control.close()


def main() -> None:
    """Run the server until the runner ends; in a forked child, run a kernel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():  # as the kernel launcher does
        del sys.path[0]
    atexit.register(_exit_at_once)  # registered first, so that it runs last
    gc.disable()
    environment = dict(os.environ)
    os.environ.update(_WHILE_IMPORTING)
    os.environ.setdefault("MPLBACKEND", _INLINE)
    workspace = Path(sys.argv[2]) if len(sys.argv) > 2 else None  # noqa: PLR2004
    server = Server(socket.socket(fileno=int(sys.argv[1])), environment, frozenset(os.environ), workspace=workspace)
    child = server.serve()
    if child is not None:
        _become_kernel(child)


def _exit_at_once() -> None:
    """Exit without cleaning up modules, which would copy every shared page in a child."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(0)


# messages ------------------------------------------------------------------


def _receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Return a message and its descriptors; None once the other end is closed."""
    try:
        content, descriptors, _, _ = socket.recv_fds(channel, LARGEST_MESSAGE, 3)
    except ConnectionError:
        content, descriptors = b"", []
    return (json.loads(content) if content else None), list(descriptors)


def _send(channel: socket.socket, **message: Any) -> None:
    try:
        channel.send(json.dumps(message).encode())
    except OSError:  # the runner has ended
        return


def _signal(pid: int, number: int) -> None:
    """Send a signal to a kernel and its child processes; its id is still valid, since it was not waited for."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # it has no process group yet
        os.kill(pid, number)


# imports ------------------------------------------------


def _import(name: str) -> None:
    """Import a module as a kernel would; leave import errors to the kernel."""
    if name in sys.modules:
        return
    had_duckdb = "duckdb" in sys.modules
    with _imports_like_a_kernel(), suppress(ImportError):
        importlib.import_module(name)
    if "duckdb" in sys.modules and not had_duckdb:  # its import opens a connection; the next use opens a new one
        sys.modules["duckdb"].default_connection().close()


@contextmanager
def _imports_like_a_kernel() -> Iterator[None]:
    """Pretend to be a kernel during imports, since pandas and duckdb check for one."""
    import IPython  # noqa: PLC0415

    shell = SimpleNamespace(kernel=None, config={"IPKernelApp": {}})
    main_module, get_ipython = sys.modules["__main__"], IPython.get_ipython
    names: Any = builtins  # a kernel adds get_ipython to them
    sys.modules["__main__"] = ModuleType("__main__")
    names.get_ipython = IPython.get_ipython = lambda: shell
    try:
        yield
    finally:
        sys.modules["__main__"], IPython.get_ipython = main_module, get_ipython
        del names.get_ipython


def _has_one_thread() -> bool:
    deadline = time.monotonic() + _THREAD_END_SECONDS
    while len(os.listdir("/proc/self/task")) > 1:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _comparable(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a library might read during its import."""
    return {k: v for k, v in environment.items() if k not in OWN_VARIABLES and not k.startswith("WORKBENCH_")}


# how a child becomes a kernel ----------------------------------------------------------------------


def _become_kernel(child: _ForkedChild) -> None:
    """Give a forked child the state of a freshly launched kernel, and run the kernel."""
    os.setsid()
    _die_with_parent(child.parent)
    _take_streams(child.streams)
    imported = {name: value for name, value in os.environ.items() if name not in child.before}  # set by libraries
    os.environ.clear()
    os.environ.update(imported | child.request["environment"] | {"JPY_PARENT_PID": str(child.parent)})
    os.chdir(child.request["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    time.tzset()
    tempfile.tempdir = None
    _set_threads()
    if "numpy.random" in sys.modules:  # the standard library reseeds its own generator after a fork
        sys.modules["numpy.random"].seed()
    gc.enable()
    _run_kernel(child.request["arguments"], child.parent)


def _die_with_parent(parent: int) -> None:
    """Ask the kernel of the operating system to kill this process when the server dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _take_streams(streams: tuple[int, int]) -> None:
    empty_stdin = os.open(os.devnull, os.O_RDONLY)
    for descriptor, standard in zip((empty_stdin, *streams), (0, 1, 2), strict=True):
        os.dup2(descriptor, standard)
        if descriptor != standard:
            os.close(descriptor)


def _set_threads() -> None:
    """Set the number of BLAS threads that a first import in this environment would have set."""
    if "numpy" not in sys.modules:
        return
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415

    values = (os.environ.get(name, "") for name in _BLAS_THREADS)
    requested = next((int(value) for value in values if value.isdecimal() and int(value) > 0), sys.maxsize)
    threads = min(requested, len(os.sched_getaffinity(0)))
    for library in ThreadpoolController().select(internal_api="openblas").lib_controllers:
        if library.num_threads != threads:
            library.set_num_threads(threads)


def _run_kernel(arguments: list[str], parent: int) -> None:
    import ipykernel_launcher  # noqa: PLC0415
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415

    sys.argv = [ipykernel_launcher.__file__, *arguments]
    sys.orig_argv = [sys.executable, "-m", "ipykernel_launcher", *arguments]
    IPKernelApp.launch_instance(parent_handle=parent)  # a fresh kernel reads it from the environment at import


if __name__ == "__main__":
    main()
