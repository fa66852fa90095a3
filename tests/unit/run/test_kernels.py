"""Kernels forked from one process: equal to fresh ones, isolated, and ended when they must be."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from workbench.core.errors import StageError
from workbench.run.flows.execute import execute_notebook
from workbench.run.flows.kernel_server import FORBIDDEN, Server
from workbench.run.flows.kernels import KernelServer, can_fork, imported_by, kernel_manager_class

ROOT = Path(__file__).parents[3]
KEY = "WORKBENCH_VAULT_KEY"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # they change
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
pytestmark = pytest.mark.skipif(not can_fork(), reason="kernels are forked only on Linux")

STATE = """
import json, os, re, signal, sys, tempfile, threading, time, warnings, logging, locale, builtins, gc
import duckdb, matplotlib, matplotlib.figure, numpy, pandas, scipy.linalg, sklearn.linear_model, workbench.run.stages.stage
from pandas._config import config
from threadpoolctl import ThreadpoolController
shell = get_ipython()
plain = lambda thing: re.sub(r"0x[0-9a-f]+", "", repr(thing))
state = {
    "argv": [*sys.argv[:2], *sys.argv[3:]], "original": sys.orig_argv[:3], "path": sys.path,
    "main": [sorted(k for k in vars(sys.modules["__main__"]) if k[0] != "_"), hasattr(sys.modules["__main__"], "__file__")],
    "environment": {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"}, "folder": os.getcwd(),
    "pandas": {key: plain(option.defval).lower() for key, option in config._registered_options.items()},
    "now": {key: plain(pandas.get_option(key)).lower() for key in config._registered_options},
    "matplotlib": {key: plain(value) for key, value in matplotlib.rcParams.items()},
    "warnings": sorted(map(plain, warnings.filters)), "locale": locale.setlocale(locale.LC_ALL), "zone": time.tzname,
    "threads": sorted((library["filepath"], library["num_threads"]) for library in ThreadpoolController().info()),
    "own threads": sorted(thread.name.split("-")[0] for thread in threading.enumerate()),
    "signals": {number.name: plain(signal.getsignal(number)) for number in map(signal.Signals, sorted(signal.valid_signals() - set(range(32, 65))))},
    "masked": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "flags": plain(sys.flags),
    "streams": [type(sys.stdout).__name__, sys.stdout.encoding, sys.__stdout__.encoding], "collector": gc.isenabled(),
    "levels": {k: v.level for k, v in logging.root.manager.loggerDict.items() if getattr(v, "level", 0)},
    "formats": {k: sorted(map(plain, v.type_printers)) + sorted(map(str, v.deferred_printers)) for k, v in shell.display_formatter.formatters.items()},
    "comms": sorted(shell.kernel.comm_manager.targets), "temporary": tempfile.gettempdir(), "builtins": sorted(dir(builtins)),
    "duckdb": duckdb.sql("select current_setting('enable_progress_bar'), current_setting('threads')").fetchall(),
    "numpy": [numpy.get_printoptions(), numpy.geterr()], "polars": "polars" in sys.modules,
    "parent": shell.kernel.parent.parent_handle == os.getppid() == int(os.environ["JPY_PARENT_PID"]),
    "session": os.getsid(0) == os.getpgrp() == os.getpid(),
}
print(json.dumps(state, default=plain))
"""
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);"
WIDE = "pandas.DataFrame({f'a_rather_long_name_{n}': [n] for n in range(18)})"


def written(folder, name, cells):
    code = [
        nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
        *map(nbformat.v4.new_code_cell, cells),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": KERNEL}), folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def run(folder, kernels, *cells, name="a", **options):
    """Execute cells and return the outputs of each."""
    template, output = written(folder, name, cells), folder / f"{name}.out.ipynb"
    defaults = {"context": folder / f"{name}.json", "environment": ENVIRONMENT, "cell_seconds": 60}
    defaults["deadline"] = time.monotonic() + 120
    execute_notebook(template, output, parameters={"x": 3}, kernels=kernels, **(defaults | options))
    return [cell.outputs for cell in nbformat.read(output, 4).cells if cell.cell_type == "code"][-len(cells) :]


def printed(outputs):
    return json.loads("".join(output.text for output in outputs if output.get("name") == "stdout"))


def ended(pid, seconds=5.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":  # ended, but not yet waited for
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def modules():
    """The imports of the shipped notebooks."""
    return [name for path in sorted((ROOT / "notebooks").glob("[01]*.ipynb")) for name in imported_by(path)]


@pytest.fixture(scope="module")
def server(modules):
    with KernelServer({**ENVIRONMENT, KEY: "secret"}) as server:
        server.start(modules)
        yield server


def launched(server, folder, **options):
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", str(folder / "connection.json")]
    return server.launch(command, environment=ENVIRONMENT, cwd=str(folder), **options)


def test_a_forked_kernel_equals_a_fresh_one_and_shows_the_same(server, modules, tmp_path):
    outputs = {}
    with ThreadPoolExecutor() as workers:
        for name, kernels in {"forked": server, "fresh": None}.items():
            folder = tmp_path / name
            folder.mkdir()
            cells = (STATE, FIGURE, WIDE)
            outputs[name] = workers.submit(run, folder, kernels, *cells, context=tmp_path / "context.json")
    forked, fresh = (outputs[name].result() for name in ("forked", "fresh"))
    assert server.declined is None
    state, expected = printed(forked[0]), printed(fresh[0])
    folders = [state.pop("folder"), expected.pop("folder")]  # a saved notebook names no place of the machine
    assert [folder.rpartition("/")[2] for folder in folders] == ["forked", "fresh"]
    assert folders[0].rpartition("/")[0] == folders[1].rpartition("/")[0]
    assert state == expected
    assert state["parent"]
    assert not state["polars"]
    for results in (forked, fresh):
        assert [output.data["image/png"] for output in results[1] if "image/png" in output.get("data", {})]
        assert "a_rather_long_name_17" in results[2][0].data["text/plain"]
        assert "..." not in results[2][0].data["text/plain"]
    assert forked[1:] == fresh[1:]


def test_imports_of_the_notebooks_are_done_in_a_process_of_one_thread(server, modules, tmp_path):
    kernel = launched(server, tmp_path, modules=modules)
    assert server.declined is None
    assert len(os.listdir(f"/proc/{server.process.pid}/task")) == 1
    kernel.kill()
    assert kernel.wait() == -signal.SIGKILL
    process = subprocess.run(
        [sys.executable, "-c", f"import importlib.util as u; print([n for n in {modules} if not u.find_spec(n.rpartition('.')[0])])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert process.stdout == "[]\n"


def test_each_kernel_has_its_own_environment_and_random_state(server, tmp_path):
    """Two kernels at a time; the environment of the runner stays unchanged."""
    cell = f"import json, os, random, numpy; print(json.dumps([os.environ.get({KEY!r}), os.environ['WORKBENCH_RUN'], random.random(), numpy.random.random()]))"
    before = dict(os.environ)
    with ThreadPoolExecutor() as workers:
        environments = {"a": {**ENVIRONMENT, KEY: "mine"}, "b": ENVIRONMENT}
        jobs = {
            name: workers.submit(run, tmp_path, server, cell, name=name, environment=environment)
            for name, environment in environments.items()
        }
    a, b = (printed(jobs[name].result()[0]) for name in "ab")
    assert a[:2] == ["mine", str(tmp_path / "a.json")]
    assert b[:2] == [None, str(tmp_path / "b.json")]
    assert a[2] != b[2]
    assert a[3] != b[3]
    assert server.declined is None
    assert dict(os.environ) == before
    assert KEY not in Path(f"/proc/{server.process.pid}/environ").read_text()


def test_a_dead_kernel_is_detected_and_a_hanging_one_is_ended_with_its_children(server, tmp_path):
    with pytest.raises(StageError, match="the kernel died"):
        run(tmp_path, server, "import os; os.kill(os.getpid(), 9)")
    child = tmp_path / "child"
    start = f'import os, subprocess, time; from pathlib import Path; Path({str(child)!r}).write_text(f\'{{os.getpid()}} {{subprocess.Popen(["sleep", "60"]).pid}}\')'
    stubborn = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"
    with pytest.raises(StageError, match="took too long"):
        run(tmp_path, server, stubborn, start + "; time.sleep(60)", cell_seconds=1)
    assert all(ended(int(pid)) for pid in child.read_text().split())
    assert server.declined is None


def test_a_kernel_can_be_interrupted(server, tmp_path):
    async def interrupted():
        manager = kernel_manager_class(server, ENVIRONMENT)(
            kernel_name="python3", transport="ipc", ip=str(tmp_path / "k")
        )
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=20)
        client.execute("import time; time.sleep(60)")
        while (await client.get_iopub_msg(timeout=20))["msg_type"] != "execute_input":
            pass
        await asyncio.sleep(0.1)
        await manager.interrupt_kernel()
        reply = await client.get_shell_msg(timeout=20)
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        return reply["content"]

    assert asyncio.run(interrupted())["ename"] == "KeyboardInterrupt"
    assert server.declined is None


def test_closing_the_channel_of_a_kernel_ends_only_this_kernel(server, tmp_path):
    kernel, other = (launched(server, tmp_path) for _ in range(2))
    kernel.channel.close()
    assert ended(kernel.pid)
    assert other.poll() is None
    other.send_signal(signal.SIGSTOP)
    other.kill()
    time.sleep(0.2)  # the server sees its end and the closed channel at once
    other.channel.close()
    assert ended(other.pid)
    assert launched(server, tmp_path) is not None


def test_imports_of_a_notebook_are_found_in_its_cells(tmp_path):
    cells = ("%matplotlib inline", "import os\nfrom workbench.report.plots.rfm import plot_grid", "import polars")
    names = imported_by(written(tmp_path, "a", cells))
    assert names[:2] == ["workbench.report.plots.rfm", "workbench.report.plots.rfm.plot_grid"]
    assert "matplotlib.figure" in names
    assert not {"polars", "os"} & set(names)
    (tmp_path / "b.ipynb").write_text("none", encoding="utf-8")
    assert imported_by(tmp_path / "b.ipynb") == []


RUNNER = """
import os, sys, time
from workbench.run.flows.kernels import KernelServer
server = KernelServer(os.environ)
server.start()
kernel = server.launch([sys.executable, "-m", "ipykernel_launcher", "-f", "c.json"], environment=os.environ, cwd=sys.argv[1])
print(server.process.pid, kernel.pid, flush=True)
time.sleep(60)
"""


def test_a_killed_runner_leaves_no_process(tmp_path):
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in runner.stdout.readline().split()]
    assert len(pids) == 2
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    runner.kill()
    runner.communicate()
    assert all(ended(pid) for pid in pids)


def test_the_kernels_of_a_killed_server_are_killed_and_the_next_kernel_is_fresh(tmp_path):
    with KernelServer(ENVIRONMENT) as server:
        server.start()
        kernel = launched(server, tmp_path)
        assert kernel.poll() is None
        server.process.kill()
        assert kernel.wait() == -signal.SIGKILL
        assert ended(kernel.pid)
        assert launched(server, tmp_path) is None
        assert run(tmp_path, server, "print(x)")[0][0].text == "3\n"


def test_a_kernel_in_another_environment_is_fresh(server, tmp_path):
    """Libraries may have read the environment during their import."""
    cell = "import json, os; print(json.dumps([os.getppid(), os.environ['OMP_NUM_THREADS']]))"
    parent, threads = printed(run(tmp_path, server, cell, environment={**ENVIRONMENT, "OMP_NUM_THREADS": "7"})[0])
    assert (parent, threads) == (os.getpid(), "7")
    assert server.declined == "environment differs in OMP_NUM_THREADS"
    server.declined = None


@pytest.fixture
def idle_server(monkeypatch):
    """A server in this process, whose threads do not count."""
    monkeypatch.setattr("workbench.run.flows.kernel_server._has_one_thread", lambda: True)
    for name in FORBIDDEN:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return Server(None, ENVIRONMENT, frozenset())


def test_no_kernel_is_forked_after_a_forbidden_import_or_a_code_change(idle_server, monkeypatch):
    assert idle_server._reason_to_decline(ENVIRONMENT) is None
    assert idle_server._reason_to_decline({**ENVIRONMENT, KEY: "x", "WORKBENCH_RUN": "y"}) is None
    monkeypatch.setitem(sys.modules, "polars", object())
    assert "polars" in idle_server._reason_to_decline(ENVIRONMENT)
    monkeypatch.delitem(sys.modules, "polars")
    idle_server.code = {**idle_server.code, "another.py": (0, 0)}
    assert "code has changed" in idle_server._reason_to_decline(ENVIRONMENT)


def test_a_running_thread_prevents_forking(idle_server, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr("workbench.run.flows.kernel_server._THREAD_END_SECONDS", 0.05)
    for name in FORBIDDEN:
        monkeypatch.delitem(sys.modules, name, raising=False)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    assert idle_server._reason_to_decline(ENVIRONMENT) == "a thread is running"
    stop.set()
    thread.join()


def test_no_server_is_started_where_forking_is_unsafe(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    server = KernelServer(os.environ)
    server.start()
    assert server.process is None
    assert launched(server, Path.cwd()) is None


def test_notebooks_are_checked_without_the_grammar_of_iris():
    code = """
import sys
from workbench.run.flows.iri_grammar import without_iri_grammar
with without_iri_grammar():
    import nbformat
nbformat.validate(nbformat.v4.new_notebook())
try:
    nbformat.validate({"cells": 1})
except nbformat.ValidationError:
    print("rfc3987_syntax" in sys.modules, "jsonschema" in sys.modules)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "False True\n"
