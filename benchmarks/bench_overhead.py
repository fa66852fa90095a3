"""What a stage costs besides its own computing, against a bare papermill run of its third-party imports.

For every stage of a profile: where its seconds go, and papermill executing in the same process a notebook that only
imports the third-party modules that the stage's own modules import at their top. Claim: kernels, imports, pages and
tracking of all stages add up to at most 1.8 times the bare notebooks; savings from parallel stages are not counted.
Run: ``python benchmarks/bench_overhead.py [--profile journey]``.
"""

from __future__ import annotations

import argparse
import ast
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import papermill

from workbench.core.workspace import find_workspace
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions
from workbench.run.keys.code import notebook_sources

ROOT = Path(__file__).parents[1]
CLAIM = 1.8
OVERHEAD = ("kernel", "imports", "page", "tracking")
PARTS = (*OVERHEAD, "computing", "charts")


def main() -> int:
    """Measure and print; exit 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="journey")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        for name in ("notebooks", "params"):
            shutil.copytree(ROOT / name, root / name)
        begun = time.perf_counter()
        result = run_flow(find_workspace(root), options.profile, FlowOptions())
        wall = time.perf_counter() - begun
        if result.error is not None:
            raise result.error
        rows = [_measure(stage, entry, root) for stage, entry in result.summary["stages"].items()]
        second_wall = time.perf_counter()
        run_flow(find_workspace(root), options.profile, FlowOptions())
        second_wall = time.perf_counter() - second_wall
    return _report(rows, wall, second_wall)


def _measure(stage: str, entry: dict, root: Path) -> dict:
    return {"stage": stage, "flow": entry["seconds"], "bare": _bare(stage, root), **entry["seconds_by"]}


def _bare(stage: str, root: Path) -> float:
    """Execute a notebook with only the stage's third-party imports."""
    modules = sorted(_third_party(root / "notebooks" / f"{stage}.ipynb"))
    cell = nbformat.v4.new_code_cell("\n".join(f"import {name}" for name in modules))
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bare.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), path)
        begun = time.perf_counter()
        papermill.execute_notebook(str(path), str(path.with_name("out.ipynb")), progress_bar=False)
        return time.perf_counter() - begun


def _third_party(notebook: Path) -> set[str]:
    """Return the modules outside the workbench and the standard library that the stage loads when it starts.

    Only imports at the top of a module count: what a function imports belongs to the stage's computing.
    """
    sources = [source for source in notebook_sources(notebook) if source.startswith("from workbench")]
    waiting, visited, third_party = [ast.parse(source) for source in sources], set(), set()
    while waiting:
        for node in waiting.pop().body:
            for name in _imported(node):
                if name.split(".")[0] != "workbench":
                    third_party.add(name)
                elif (path := _module_file(name)) is not None and path not in visited:
                    visited.add(path)
                    waiting.append(ast.parse(path.read_text(encoding="utf-8")))
    return {name for name in third_party if name.split(".")[0] not in sys.stdlib_module_names}


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    own = (node.module or "").startswith("workbench")
    return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names if own)]


def _module_file(name: str) -> Path | None:
    path = ROOT.joinpath("src", *name.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def _report(rows: list[dict], wall: float, second_wall: float) -> int:
    print(f"\n{'stage':24}" + "".join(f"{name:>10}" for name in (*PARTS, "flow", "bare")))
    for row in rows:
        print(f"{row['stage']:24}" + "".join(f"{row[name]:10.2f}" for name in (*PARTS, "flow", "bare")))
    total = {name: sum(row[name] for row in rows) for name in (*PARTS, "flow", "bare")}
    print(f"{'all stages':24}" + "".join(f"{total[name]:10.2f}" for name in (*PARTS, "flow", "bare")))
    ratio = sum(total[name] for name in OVERHEAD) / total["bare"]
    print(f"the flow by the clock {wall:.2f} s (two stages run in parallel where possible)")
    print(f"kernels, imports, pages and tracking {ratio:.2f} of the bare notebooks; claim: at most {CLAIM}")
    print(f"the same flow again, nothing changed: {second_wall:.2f} s")
    figures = {"ratio": round(ratio, 3), "wall": round(wall, 1), "again": round(second_wall, 1), "held": ratio <= CLAIM}
    print(json.dumps(figures))
    return 0 if ratio <= CLAIM else 1


if __name__ == "__main__":
    sys.exit(main())
