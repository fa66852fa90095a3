"""Run one notebook with papermill, in its own kernel and within its time limits."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

import workbench
from workbench.core.errors import DataError, Fault, StageError
from workbench.core.files import write_text
from workbench.run.artifacts.context import CONTEXT_VARIABLE
from workbench.run.flows.kernels import KernelServer, imported_by, kernel_manager_class

__all__ = ["execute_notebook"]

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_REFUSALS = {"DataError": DataError, "ProfileError": DataError}


def execute_notebook(
    template: Path,
    output: Path,
    *,
    parameters: Mapping[str, Any],
    context: Path,
    cell_seconds: int,
    deadline: float,
    environment: Mapping[str, str] | None = None,
    kernels: KernelServer | None = None,
    running: list | None = None,
) -> None:
    """Execute a notebook template into ``output``.

    After a failure the half-run notebook stays at ``output``; papermill marks its failing cell.

    Parameters
    ----------
    template, output : Path
    parameters : mapping
        Injected after the ``parameters`` cell.
    context : Path
        The run's context file, passed to the kernel in an environment variable.
    cell_seconds : int
        Longest time of one cell.
    deadline : float
        ``time.monotonic()`` at which the flow's total time ends.
    environment : mapping, optional
        Environment of the kernel, without the run's context; default: that of this process.
    kernels : KernelServer, optional
        Forks the kernel; default: a fresh one.
    running : list, optional
        The kernel's manager is appended to it, for `workbench.run.flows.kernels.end_kernels`.

    Raises
    ------
    DataError
        The stage refused the data.
    StageError
        A cell failed, took too long, or the kernel died.
    """
    variables = {**(os.environ if environment is None else environment), CONTEXT_VARIABLE: str(context)}
    manager = kernel_manager_class(kernels, variables, imported_by(template) if kernels else (), running)
    sockets = tempfile.mkdtemp(prefix="workbench-")  # readable by this user only; no port, not even on loopback
    try:
        papermill.execute_notebook(
            str(template),
            str(output),
            parameters=dict(parameters),
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
            resources={"metadata": {"path": str(template.parent)}},  # the kernel's working directory
            timeout_func=lambda _cell: _remaining(cell_seconds, deadline),
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # do not log a requested shutdown as an error
            kernel_manager_class=manager,
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
        )
    except PapermillExecutionError as error:
        raise _explain(error, output) from None
    except CellTimeoutError:
        flow_ended = time.monotonic() >= deadline - 1
        limit = "the flow's total time" if flow_ended else f"{cell_seconds} s a cell"
        key = "total_seconds" if flow_ended else "cell_seconds"
        remedy = f"Raise run.{key}, or reduce the work of the stage. The half-run notebook: {output}"
        raise StageError(Fault(template.stem, "took too long", f"Limit: {limit}", remedy)) from None
    except DeadKernelError:
        remedy = f"Lower run.memory_limit_gb or give the machine more memory. The half-run notebook: {output}"
        problem = "the kernel died, most likely because memory ran out"
        raise StageError(Fault(template.stem, problem, "", remedy)) from None
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
        if output.is_file():
            _shorten_paths(output, template.parents[1])


def _shorten_paths(notebook: Path, workspace: Path) -> None:
    """Make paths of the workspace and of the installed code relative, so that notebooks hide where they ran."""
    text = notebook.read_text(encoding="utf-8")
    places = [workspace] if (workspace / "params").is_dir() else []  # otherwise it is not a workspace
    for folder in (*places, Path(workbench.__file__).parents[1], Path(sys.prefix)):
        text = text.replace(json.dumps(f"{folder}/", ensure_ascii=False)[1:-1], "")
    write_text(notebook, text)


def _remaining(cell_seconds: int, deadline: float) -> int:
    return max(1, min(cell_seconds, int(deadline - time.monotonic())))


def _explain(error: PapermillExecutionError, output: Path) -> StageError | DataError:
    kind = _REFUSALS.get(error.ename, StageError)
    message = _ANSI.sub("", error.evalue or "").strip()
    problem = message if error.ename in _REFUSALS or error.ename == "StageError" else f"{error.ename}: {message}"
    remedy = f"Cell {error.exec_count} of the saved notebook: {output}"
    return kind(Fault(output.stem, problem, "", remedy))
