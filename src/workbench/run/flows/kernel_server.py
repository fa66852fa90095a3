"""The process that kernels are forked from: it imports what stages need, and holds nothing else.

Started by :mod:`workbench.run.flows.kernels` as ``python -m workbench.run.flows.kernel_server FD``, FD being one end
of a socket pair. It imports as if it were a kernel (libraries look at that while they are imported), keeps neither
threads nor connections, and forks one ordinary kernel for each request. When the runner closes its end, or dies, the
kernels that still run are killed and the process ends.
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

FORBIDDEN = {  # what must not be imported before a fork
    "polars": "its thread pool does not outlive a fork",
    "mlflow": "it is imported by the runner alone",
    "tqdm.autonotebook": "it chooses its bars by the kernel it is imported in",
    "matplotlib_inline.backend_inline": "it registers with the kernel it is imported in",
}
LARGEST_MESSAGE = 1 << 20
OWN_VARIABLES = ("JPY_PARENT_PID", "JPY_SESSION_NAME", "OLDPWD", "PWD", "SHLVL", "_")  # differ, and no import minds
_WHILE_IMPORTING = {
    "OPENBLAS_NUM_THREADS": "1",  # otherwise its threads start with the import of numpy; set right after the fork
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning that a kernel tells nobody, the server would tell the terminal
}
_BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
_INLINE = "module://matplotlib_inline.backend_inline"  # what a kernel sets before anything is drawn
_PR_SET_PDEATHSIG = 1
_PATIENCE_SECONDS = 1.0  # for a thread that is about to end


def _code_state() -> dict[str, tuple[int, int]]:
    """Return time and size of every file of the package: a stage must not run code older than its digest."""
    package = Path(__file__).parents[2]
    states = ((path, path.stat()) for path in package.rglob("*") if path.suffix != ".pyc" and path.is_file())
    return {str(path): (state.st_mtime_ns, state.st_size) for path, state in states}


@dataclass
class _Kernel:
    """A kernel that was forked: its process, and the channel on which the runner hears and commands it."""

    pid: int
    pidfd: int
    channel: socket.socket


@dataclass
class _Birth:
    """What a forked child needs in order to become a kernel."""

    request: Mapping[str, Any]
    streams: tuple[int, int]
    parent: int
    before: frozenset[str]


@dataclass
class Server:
    """Answers the runner's requests, one at a time, in one thread.

    Parameters
    ----------
    control : socket.socket
        The server's end of the pair on which requests arrive.
    environment : mapping
        What the runner has started the server with.
    before : frozenset of str
        The variables that were set before the first import.
    """

    control: socket.socket
    environment: Mapping[str, str]
    before: frozenset[str]
    expected: deque[str] = field(default_factory=deque)
    kernels: dict[int, _Kernel] = field(default_factory=dict)
    code: Mapping[str, tuple[int, int]] = field(default_factory=_code_state)

    def serve(self) -> _Birth | None:
        """Work until the runner is gone, which gives None, or until this process is a forked child."""
        while True:
            for ready in self._ready():
                if ready is self.control:
                    message, streams = _receive(self.control)
                    if message is None:
                        self._kill_all()
                        return None
                    if birth := self._obey(message, streams):
                        return birth
                else:
                    self._attend(ready)

    def _ready(self) -> list[socket.socket | int]:
        """Return what can be read; import what is expected while nothing can."""
        with selectors.PollSelector() as selector:
            for end in (self.control, *(k.channel for k in self.kernels.values()), *self.kernels):
                selector.register(end, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select(0 if self.expected else None)]
        if not ready and self.expected:
            _import(self.expected.popleft())
        return ready

    def _obey(self, message: Mapping[str, Any], descriptors: list[int]) -> _Birth | None:
        if "expect" in message:
            self.expected.extend(message["expect"])
            return None
        channel, *streams = descriptors
        return self._start(message, socket.socket(fileno=channel), tuple(streams))

    def _start(self, request: Mapping[str, Any], channel: socket.socket, streams: tuple[int, int]) -> _Birth | None:
        """Fork a kernel and tell its process id, or tell why none can be forked."""
        for name in request["modules"]:
            _import(name)
        because = self._unfit(request["environment"])
        if because:
            _tell(channel, refused=because)
            channel.close()
        else:
            gc.freeze()  # so that the collector of a child leaves the shared pages alone
            parent, pid = os.getpid(), os.fork()
            if pid == 0:
                self._let_go(channel)
                return _Birth(request, streams, parent, self.before)
            pidfd = os.pidfd_open(pid)
            self.kernels[pidfd] = _Kernel(pid, pidfd, channel)
            _tell(channel, pid=pid)
        for stream in streams:
            os.close(stream)
        return None

    def _unfit(self, environment: Mapping[str, str]) -> str | None:
        """Say why a fork would not be as good as a fresh kernel."""
        theirs, mine = _comparable(environment), _comparable(self.environment)
        differing = sorted(name for name in theirs.keys() | mine.keys() if theirs.get(name) != mine.get(name))
        if differing:
            return f"environment differs in {', '.join(differing)}"
        imported = sorted(FORBIDDEN.keys() & sys.modules.keys())
        if imported:
            return f"{imported[0]} is imported: {FORBIDDEN[imported[0]]}"
        if self.code != _code_state():
            return "the code has changed since it was imported"
        return None if _one_thread() else "a thread runs"

    def _attend(self, ready: socket.socket | int) -> None:
        """Hear what the runner wants of a kernel, or that a kernel has ended."""
        kernel = next((k for k in self.kernels.values() if ready in (k.channel, k.pidfd)), None)
        if kernel is None:  # it was both let go and ended
            return
        message, _ = _receive(ready) if ready is kernel.channel else (None, [])
        if message is not None:
            _signal(kernel.pid, message["signal"])
            return
        if ready is kernel.channel:  # the runner has let go of it
            _signal(kernel.pid, signal.SIGKILL)
        _tell(kernel.channel, exit=os.waitstatus_to_exitcode(os.waitpid(kernel.pid, 0)[1]))
        self._forget(kernel)

    def _forget(self, kernel: _Kernel) -> None:
        del self.kernels[kernel.pidfd]
        kernel.channel.close()
        os.close(kernel.pidfd)

    def _kill_all(self) -> None:
        for kernel in self.kernels.values():
            _signal(kernel.pid, signal.SIGKILL)

    def _let_go(self, channel: socket.socket) -> None:
        """Close in a child what is the server's."""
        for kernel in list(self.kernels.values()):
            self._forget(kernel)
        channel.close()
        self.control.close()


def main() -> None:
    """Import, fork and reap until the runner is gone; in a forked child, be a kernel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():  # as the launcher of a kernel does
        del sys.path[0]
    atexit.register(_end_at_once)  # before all others, so that it comes after them
    gc.disable()
    given = dict(os.environ)
    os.environ.update(_WHILE_IMPORTING)
    os.environ.setdefault("MPLBACKEND", _INLINE)
    birth = Server(socket.socket(fileno=int(sys.argv[1])), given, frozenset(os.environ)).serve()
    if birth is not None:
        _become_kernel(birth)


def _end_at_once() -> None:
    """End without taking apart what was imported: in a child that would first copy every shared page."""
    for stream in (sys.__stdout__, sys.__stderr__):
        stream.flush()
    os._exit(0)


# what passes over the sockets ------------------------------------------------------------------


def _receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Return a message and the descriptors that came with it; None once the other end is closed."""
    try:
        content, descriptors, _, _ = socket.recv_fds(channel, LARGEST_MESSAGE, 3)
    except ConnectionError:
        content, descriptors = b"", []
    return (json.loads(content) if content else None), list(descriptors)


def _tell(channel: socket.socket, **message: Any) -> None:
    try:
        channel.send(json.dumps(message).encode())
    except OSError:  # the runner no longer listens
        return


def _signal(pid: int, number: int) -> None:
    """Send a signal to a kernel and what it has started; it has not been waited for, so the id is its own."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:  # it has not yet a group of its own
        os.kill(pid, number)


# what the server imports, and what it must not keep ------------------------------------------------


def _import(name: str) -> None:
    """Import a module as a kernel would; one that cannot be is left for the kernel to tell of."""
    if name in sys.modules:
        return
    opened = "duckdb" in sys.modules
    with _as_in_a_kernel(), suppress(ImportError):
        importlib.import_module(name)
    if "duckdb" in sys.modules and not opened:  # its import opens a connection, which opens anew when it is used
        sys.modules["duckdb"].default_connection().close()


@contextmanager
def _as_in_a_kernel() -> Iterator[None]:
    """Answer as a kernel does those who ask while they are imported: pandas how wide tables are, duckdb where it is."""
    import IPython  # noqa: PLC0415

    shell = SimpleNamespace(kernel=None, config={"IPKernelApp": {}})
    main_module, ask = sys.modules["__main__"], IPython.get_ipython
    sys.modules["__main__"] = ModuleType("__main__")
    builtins.get_ipython = IPython.get_ipython = lambda: shell
    try:
        yield
    finally:
        sys.modules["__main__"], IPython.get_ipython = main_module, ask
        del builtins.get_ipython


def _one_thread() -> bool:
    last = time.monotonic() + _PATIENCE_SECONDS
    while len(os.listdir("/proc/self/task")) > 1:
        if time.monotonic() > last:
            return False
        time.sleep(0.01)
    return True


def _comparable(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a library might look at while it is imported."""
    ours = ("WORKBENCH_",)
    return {k: v for k, v in environment.items() if k not in OWN_VARIABLES and not k.startswith(ours)}


# how a child becomes a kernel ----------------------------------------------------------------------


def _become_kernel(birth: _Birth) -> None:
    """Turn a forked child into what a process that runs the launcher of a kernel is."""
    os.setsid()
    _die_with(birth.parent)
    _take_streams(birth.streams)
    imported = {name: value for name, value in os.environ.items() if name not in birth.before}  # set by libraries
    os.environ.clear()
    os.environ.update(imported | birth.request["environment"] | {"JPY_PARENT_PID": str(birth.parent)})
    os.chdir(birth.request["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    time.tzset()
    tempfile.tempdir = None
    _set_threads()
    if "numpy.random" in sys.modules:  # the generator of the standard library sees to itself
        sys.modules["numpy.random"].seed()
    gc.enable()
    _run_kernel(birth.request["arguments"], birth.parent)


def _die_with(parent: int) -> None:
    """Be killed when the server is, whatever killed it."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _take_streams(streams: tuple[int, int]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, wanted in zip((nothing, *streams), (0, 1, 2), strict=True):
        os.dup2(given, wanted)
        if given != wanted:
            os.close(given)


def _set_threads() -> None:
    """Give the linear algebra the threads it would have taken when first imported in this environment."""
    if "numpy" not in sys.modules:
        return
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415

    named = (os.environ.get(name, "") for name in _BLAS_THREADS)
    asked = next((int(each) for each in named if each.isdecimal() and int(each) > 0), sys.maxsize)
    threads = min(asked, len(os.sched_getaffinity(0)))
    for library in ThreadpoolController().select(internal_api="openblas").lib_controllers:
        if library.num_threads != threads:
            library.set_num_threads(threads)


def _run_kernel(arguments: list[str], parent: int) -> None:
    import ipykernel_launcher  # noqa: PLC0415
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415

    sys.argv = [ipykernel_launcher.__file__, *arguments]
    sys.orig_argv = [sys.executable, "-m", "ipykernel_launcher", *arguments]
    IPKernelApp.launch_instance(parent_handle=parent)  # read from the environment at import, in a fresh kernel


if __name__ == "__main__":
    main()
