"""Kernels forked from one process: as fresh ones are, alone with what they are given, and gone when they must be."""

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
pytestmark = pytest.mark.skipif(not can_fork(), reason="kernels are forked on Linux alone")

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
    "threads": sorted((each["filepath"], each["num_threads"]) for each in ThreadpoolController().info()),
    "own threads": sorted(each.name.split("-")[0] for each in threading.enumerate()),
    "signals": {each.name: plain(signal.getsignal(each)) for each in map(signal.Signals, sorted(signal.valid_signals() - set(range(32, 65))))},
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
    made = [
        nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
        *map(nbformat.v4.new_code_cell, cells),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": KERNEL}), folder / f"{name}.ipynb")
    return folder / f"{name}.ipynb"


def run(folder, kernels, *cells, name="a", **options):
    """Execute cells and return the outputs of each."""
    template, output = written(folder, name, cells), folder / f"{name}.out.ipynb"
    given = {"context": folder / f"{name}.json", "environment": ENVIRONMENT, "cell_seconds": 60}
    given["deadline"] = time.monotonic() + 120
    execute_notebook(template, output, parameters={"x": 3}, kernels=kernels, **(given | options))
    return [cell.outputs for cell in nbformat.read(output, 4).cells if cell.cell_type == "code"][-len(cells) :]


def said(outputs):
    return json.loads("".join(output.text for output in outputs if output.get("name") == "stdout"))


def gone(pid, seconds=5.0):
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":  # ended; whoever adopts it has not looked yet
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def modules():
    """What the notebooks that ship import."""
    return [name for path in sorted((ROOT / "notebooks").glob("[01]*.ipynb")) for name in imported_by(path)]


@pytest.fixture(scope="module")
def server(modules):
    with KernelServer({**ENVIRONMENT, KEY: "secret"}) as server:
        server.start(modules)
        yield server


def launched(server, folder, **options):
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", str(folder / "connection.json")]
    return server.launch(command, environment=ENVIRONMENT, cwd=str(folder), **options)


def test_a_forked_kernel_is_as_a_fresh_one_and_shows_the_same(server, modules, tmp_path):
    outputs = {}
    with ThreadPoolExecutor() as workers:
        for name, kernels in {"forked": server, "fresh": None}.items():
            folder = tmp_path / name
            folder.mkdir()
            cells = (STATE, FIGURE, WIDE)
            outputs[name] = workers.submit(run, folder, kernels, *cells, context=tmp_path / "context.json")
    forked, fresh = (outputs[name].result() for name in ("forked", "fresh"))
    assert server.declined is None
    mine, theirs = said(forked[0]), said(fresh[0])
    assert mine.pop("folder").replace("/forked", "/fresh") == theirs.pop("folder")
    assert mine == theirs
    assert mine["parent"]
    assert not mine["polars"]
    for shown in (forked, fresh):
        assert [output.data["image/png"] for output in shown[1] if "image/png" in output.get("data", {})]
        assert "a_rather_long_name_17" in shown[2][0].data["text/plain"]
        assert "..." not in shown[2][0].data["text/plain"]
    assert forked[1:] == fresh[1:]


def test_what_the_notebooks_import_is_imported_in_a_process_of_one_thread(server, modules, tmp_path):
    kernel = launched(server, tmp_path, modules=modules)
    assert server.declined is None
    assert len(os.listdir(f"/proc/{server.process.pid}/task")) == 1
    kernel.kill()
    assert kernel.wait() == -signal.SIGKILL
    known = subprocess.run(
        [sys.executable, "-c", f"import importlib.util as u; print([n for n in {modules} if not u.find_spec(n.rpartition('.')[0])])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert known.stdout == "[]\n"


def test_each_kernel_has_its_own_environment_and_draws_of_its_own(server, tmp_path):
    """Two at a time in one runner, whose own environment stays as it is."""
    cell = f"import json, os, random, numpy; print(json.dumps([os.environ.get({KEY!r}), os.environ['WORKBENCH_RUN'], random.random(), numpy.random.random()]))"
    before = dict(os.environ)
    with ThreadPoolExecutor() as workers:
        given = {"a": {**ENVIRONMENT, KEY: "mine"}, "b": ENVIRONMENT}
        at_work = {
            name: workers.submit(run, tmp_path, server, cell, name=name, environment=each)
            for name, each in given.items()
        }
    a, b = (said(at_work[name].result()[0]) for name in "ab")
    assert a[:2] == ["mine", str(tmp_path / "a.json")]
    assert b[:2] == [None, str(tmp_path / "b.json")]
    assert a[2] != b[2]
    assert a[3] != b[3]
    assert server.declined is None
    assert dict(os.environ) == before
    assert KEY not in Path(f"/proc/{server.process.pid}/environ").read_text()


def test_a_kernel_that_dies_is_noticed_and_one_that_hangs_is_ended_with_what_it_started(server, tmp_path):
    with pytest.raises(StageError, match="the kernel died"):
        run(tmp_path, server, "import os; os.kill(os.getpid(), 9)")
    child = tmp_path / "child"
    start = f'import os, subprocess, time; from pathlib import Path; Path({str(child)!r}).write_text(f\'{{os.getpid()}} {{subprocess.Popen(["sleep", "60"]).pid}}\')'
    stubborn = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"
    with pytest.raises(StageError, match="took too long"):
        run(tmp_path, server, stubborn, start + "; time.sleep(60)", cell_seconds=1)
    assert all(gone(int(pid)) for pid in child.read_text().split())
    assert server.declined is None


def test_a_kernel_is_interrupted(server, tmp_path):
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


def test_a_kernel_that_is_let_go_ends_and_others_go_on(server, tmp_path):
    kernel, other = (launched(server, tmp_path) for _ in range(2))
    kernel.channel.close()
    assert gone(kernel.pid)
    assert other.poll() is None
    other.send_signal(signal.SIGSTOP)
    other.kill()
    time.sleep(0.2)  # its end and its being let go are seen at once
    other.channel.close()
    assert gone(other.pid)
    assert launched(server, tmp_path) is not None


def test_imports_of_a_notebook_are_found_in_its_cells(tmp_path):
    cells = ("%matplotlib inline", "import os\nfrom workbench.report.plots.rfm import plot_grid", "import polars")
    found = imported_by(written(tmp_path, "a", cells))
    assert found[:2] == ["workbench.report.plots.rfm", "workbench.report.plots.rfm.plot_grid"]
    assert "matplotlib.figure" in found
    assert not {"polars", "os"} & set(found)
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


def test_a_runner_that_is_killed_leaves_no_process(tmp_path):
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in runner.stdout.readline().split()]
    assert len(pids) == 2
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    runner.kill()
    runner.communicate()
    assert all(gone(pid) for pid in pids)


def test_a_server_that_is_killed_takes_its_kernels_along_and_the_next_kernel_is_fresh(tmp_path):
    with KernelServer(ENVIRONMENT) as server:
        server.start()
        kernel = launched(server, tmp_path)
        assert kernel.poll() is None
        server.process.kill()
        assert kernel.wait() == -signal.SIGKILL
        assert gone(kernel.pid)
        assert launched(server, tmp_path) is None
        assert run(tmp_path, server, "print(x)")[0][0].text == "3\n"


def test_a_kernel_in_another_environment_is_fresh(server, tmp_path):
    """Libraries may have looked at it while they were imported."""
    cell = "import json, os; print(json.dumps([os.getppid(), os.environ['OMP_NUM_THREADS']]))"
    parent, threads = said(run(tmp_path, server, cell, environment={**ENVIRONMENT, "OMP_NUM_THREADS": "1"})[0])
    assert (parent, threads) == (os.getpid(), "1")
    assert server.declined == "environment differs in OMP_NUM_THREADS"
    server.declined = None


@pytest.fixture
def unasked(monkeypatch):
    """A server in this process, whose threads do not count."""
    monkeypatch.setattr("workbench.run.flows.kernel_server._one_thread", lambda: True)
    for name in FORBIDDEN:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return Server(None, ENVIRONMENT, frozenset())


def test_no_kernel_is_forked_from_what_has_threads_or_older_code(unasked, monkeypatch):
    assert unasked._unfit(ENVIRONMENT) is None
    assert unasked._unfit({**ENVIRONMENT, KEY: "x", "WORKBENCH_RUN": "y"}) is None
    monkeypatch.setitem(sys.modules, "polars", object())
    assert "polars" in unasked._unfit(ENVIRONMENT)
    monkeypatch.delitem(sys.modules, "polars")
    unasked.code = {**unasked.code, "another.py": (0, 0)}
    assert "code has changed" in unasked._unfit(ENVIRONMENT)


def test_a_thread_that_does_not_end_is_seen(unasked, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr("workbench.run.flows.kernel_server._PATIENCE_SECONDS", 0.05)
    for name in FORBIDDEN:
        monkeypatch.delitem(sys.modules, name, raising=False)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    assert unasked._unfit(ENVIRONMENT) == "a thread runs"
    stop.set()
    thread.join()


def test_where_forking_is_not_safe_no_server_is_started(monkeypatch):
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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False True\n"
