"""What a stage costs beside its own computing, against a bare papermill run of its third-party imports.

For every stage of a profile: the flow's seconds for it, less the cells that compute, against papermill executing in
the same process a notebook that holds nothing but the third-party modules the stage's own modules import at their top.
Claim: at most 1.8 times, over the flow. Run: ``python benchmarks/bench_overhead.py [--profile journey]``.
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
from workbench.run.artifacts.code import notebook_sources
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions

ROOT = Path(__file__).parents[1]
CLAIM = 1.8
FRAME_CELLS = 2  # parameters; imports and start


def main() -> int:
    """Measure and print; exit 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="journey")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        for name in ("notebooks", "params"):
            shutil.copytree(ROOT / name, root / name)
        begun = time.perf_counter()
        result = run_flow(find_workspace(root), asked.profile, FlowOptions())
        wall = time.perf_counter() - begun
        if result.error is not None:
            raise result.error
        rows = [_measure(stage, entry, result.folder, root) for stage, entry in result.summary["stages"].items()]
        again = time.perf_counter()
        run_flow(find_workspace(root), asked.profile, FlowOptions())
        again = time.perf_counter() - again
    return _report(rows, wall, again)


def _measure(stage: str, entry: dict, folder: Path, root: Path) -> dict:
    notebook = nbformat.read(folder / "notebooks" / f"{stage}.ipynb", as_version=4)
    spent = [
        (cell.metadata.papermill.get("duration") or 0.0, "injected-parameters" in cell.metadata.get("tags", []))
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    cells = [seconds for seconds, injected in spent if not injected]
    bare = _bare(stage, root)
    return {
        "stage": stage,
        "flow": entry["seconds"],
        "computing": sum(cells[FRAME_CELLS:]),
        "start": cells[1],
        "bare": bare,
    }


def _bare(stage: str, root: Path) -> float:
    """Execute a notebook of the stage's third-party imports alone."""
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
    waiting, seen, found = [ast.parse(source) for source in sources], set(), set()
    while waiting:
        for node in waiting.pop().body:
            for name in _named(node):
                if name.split(".")[0] != "workbench":
                    found.add(name)
                elif (path := _module_file(name)) is not None and path not in seen:
                    seen.add(path)
                    waiting.append(ast.parse(path.read_text(encoding="utf-8")))
    return {name for name in found if name.split(".")[0] not in sys.stdlib_module_names}


def _named(node: ast.stmt) -> list[str]:
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


def _report(rows: list[dict], wall: float, again: float) -> int:
    heads = "".join(
        f"{name:>{width}}" for name, width in (("flow s", 9), ("computing", 11), ("beside", 9), ("bare", 9))
    )
    print(f"\n{'stage':24}{heads}{'ratio':>8}   of which imports and start()")
    for row in rows:
        beside = row["flow"] - row["computing"]
        figures = (row["flow"], row["computing"], beside, row["bare"])
        cells = "".join(f"{each:{width}.2f}" for each, width in zip(figures, (9, 11, 9, 9), strict=True))
        print(f"{row['stage']:24}{cells}{beside / row['bare']:8.2f}   {row['start']:.2f}")
    computing, bare = sum(row["computing"] for row in rows), sum(row["bare"] for row in rows)
    beside = wall - computing
    ratio = beside / bare
    staged = sum(row["flow"] for row in rows)
    print(f"{'the flow':24}{wall:9.2f}{computing:11.2f}{beside:9.2f}{bare:9.2f}{ratio:8.2f}   claim: at most {CLAIM}")
    print(f"outside the stages (checks, sweeping, last pages, publishing): {wall - staged:.2f} s")
    print(f"the same flow again, nothing changed: {again:.2f} s")
    print(
        json.dumps({"ratio": round(ratio, 3), "wall": round(wall, 1), "again": round(again, 1), "held": ratio <= CLAIM})
    )
    return 0 if ratio <= CLAIM else 1


if __name__ == "__main__":
    sys.exit(main())
