"""Changes one number, comparison or sign of the analysis at a time, and names the changes that no test notices.

    python tests/mutants.py [--mutants 300] [--seed 1] [--processes 2] [--package analysis] [--only FILE[:LINE]]
                            [--tests FOLDER]

Outside the suite. Prints one line per survivor, then the share of mutants that were noticed. `--only` and `--tests`
try the survivors again, after a test was written, without running all tests of the package first. A mutant is tried on the tests that reach its line, the quickest first. Survivors are read by a person: one
that changes a number deserves a test; one that changes nothing a reader could see may stay.
"""

from __future__ import annotations

import argparse
import ast
import io
import multiprocessing
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOST_TESTS, MOST_SECONDS = 60, 90  # tried on one mutant, the seconds as measured without a mutation
LEAST_TESTS = 20  # tried on one mutant however long they take: on a busy machine every test is slow
OUTCOMES = {0: "survived", 1: "noticed", 2: "noticed"}  # by the code pytest ends with; 2: the file cannot be imported
# Settings whose value no result depends on, or which only a chance result depends on.
WITHOUT_EFFECT = {
    "strict", "frozen", "slots", "kw_only", "copy", "indent", "ensure_ascii", "stacklevel", "maxsize", "n_jobs",
    "random_state", "seed", "max_iter", "verbose",
}  # fmt: skip
COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
COMPUTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: str  # from src
    site: int  # number of the place in the file, in the order of `places`
    line: int
    change: str


class Mutator(ast.NodeTransformer):
    """Walks a file and counts the places that can be changed; changes the one that is asked for."""

    def __init__(self, chosen: int | None = None) -> None:
        self.chosen = chosen
        self.places: list[tuple[int, str]] = []  # line, change

    def _reached(self, node: ast.AST, change: str) -> bool:
        self.places.append((node.lineno, change))  # type: ignore[attr-defined]
        return len(self.places) - 1 == self.chosen

    def visit_Compare(self, node: ast.Compare) -> ast.AST:  # noqa: N802
        self.generic_visit(node)
        for at, operator in enumerate(node.ops):
            other = COMPARED[type(operator)]
            if self._reached(node, f"{type(operator).__name__} -> {other.__name__}"):
                node.ops[at] = other()
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:  # noqa: N802
        self.generic_visit(node)
        other = COMPUTED.get(type(node.op))
        text = any(
            isinstance(side, ast.JoinedStr | ast.Constant) and not _number(side) for side in (node.left, node.right)
        )
        if other and not text and self._reached(node, f"{type(node.op).__name__} -> {other.__name__}"):
            node.op = other()
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:  # noqa: N802
        self.generic_visit(node)
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        if self._reached(node, f"{type(node.op).__name__} -> {other.__name__}"):
            node.op = other()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:  # noqa: N802
        self.generic_visit(node)
        if self._reached(node, f"{type(node.op).__name__} dropped"):
            return node.operand
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:  # noqa: N802
        if isinstance(node.value, bool):
            return (
                ast.copy_location(ast.Constant(not node.value), node)
                if self._reached(node, f"{node.value} flipped")
                else node
            )
        if _number(node) and self._reached(node, f"{node.value} -> {node.value + 1}"):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:  # noqa: N802
        if node.value:
            node.value = self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node  # annotations compute nothing

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # noqa: N802
        node.args = self.visit(node.args)
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if node.arg in WITHOUT_EFFECT and isinstance(node.value, ast.Constant):
            return node
        node.value = self.visit(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:  # noqa: N802
        names = {target.id.lower() for target in node.targets if isinstance(target, ast.Name)}
        if not names & WITHOUT_EFFECT:
            node.value = self.visit(node.value)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:  # noqa: N802
        return node  # texts are read by people


def _number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def places(file: Path) -> list[tuple[int, str]]:
    """List line and change of every place of a file that can be changed."""
    mutator = Mutator()
    mutator.visit(ast.parse(file.read_text(encoding="utf-8")))
    return mutator.places


def draw(package: str, only: str | None, mutants: int, seed: int) -> list[Mutant]:
    """Draw mutants at random among all places of the package."""
    source = ROOT / "src"
    files = sorted((source / "workbench" / package).rglob("*.py"))
    ending, _, only_line = (only or "").partition(":")
    candidates = [
        Mutant(str(file.relative_to(source)), site, line, change)
        for file in files
        if str(file).endswith(ending)
        for site, (line, change) in enumerate(places(file))
        if not only_line or line == int(only_line)
    ]
    print(f"{len(candidates):,} places in {len(files)} files of {package}", flush=True)
    return random.Random(seed).sample(candidates, min(mutants, len(candidates)))


def reach(
    package: str, tests: str, processes: int, folder: Path
) -> tuple[dict[tuple[str, int], set[str]], dict[str, float]]:
    """Run the tests once: which of them reach which line, and how long each takes."""
    data, times = folder / "coverage", folder / "times.xml"
    command = [
        sys.executable, "-m", "pytest", tests, "-q", "-m", "not browser and not slow and not long", "-n", str(processes), "--dist", "loadfile",
        f"--cov=src/workbench/{package}", "--cov-context=test", "--cov-report=", f"--junitxml={times}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "COVERAGE_FILE": str(data)}, check=False)
    if done.returncode:
        sys.exit("The tests fail without a mutation; mend them first.")
    seconds = _seconds(times)
    return _reached_lines(data, seconds), seconds


def _reached_lines(data: Path, seconds: dict[str, float]) -> dict[tuple[str, int], set[str]]:
    from coverage.numbits import numbits_to_nums  # noqa: PLC0415

    tests: dict[tuple[str, int], set[str]] = defaultdict(set)
    of_file: dict[str, set[str]] = defaultdict(set)
    for test in seconds:
        of_file[test.split("::")[0]].add(test)
    query = "SELECT path, context, numbits FROM line_bits JOIN file ON file.id = file_id JOIN context ON context.id = context_id"
    with sqlite3.connect(data) as store:
        for path, context, bits in store.execute(query):
            name = str(Path(path).relative_to(ROOT / "src"))
            test, _, phase = context.rpartition("|")
            # a fixture may serve every test of its file, and coverage counts it for the first one only
            reaching = of_file[test.split("::")[0]] if phase == "setup" else {test}
            for line in numbits_to_nums(bits):
                tests[name, line] |= reaching
    return tests


def _seconds(times: Path) -> dict[str, float]:
    cases = ElementTree.parse(times).iter("testcase")
    seconds = {}
    for case in cases:
        file = case.get("classname", "").replace(".", "/") + ".py"
        seconds[f"{file}::{case.get('name')}"] = float(case.get("time") or 0)
    return seconds


def chosen_tests(mutant: Mutant, reached: dict[tuple[str, int], set[str]], seconds: dict[str, float]) -> list[str]:
    """Choose the quickest tests that reach the line; for what runs on import (no test's own), those of the mirror."""
    tests = {test for test in reached.get((mutant.file, mutant.line), ()) if test}
    if not tests:
        lines = {line for file, line in reached if file == mutant.file}
        tests = {test for line in lines for test in reached[mutant.file, line] if test}
    ordered = sorted(tests, key=lambda test: (seconds.get(test, 1.0), test))
    total, chosen = 0.0, []
    for test in ordered[:MOST_TESTS]:
        total += seconds.get(test, 1.0)
        if total > MOST_SECONDS and len(chosen) >= LEAST_TESTS:
            break
        chosen.append(test)
    return chosen


def try_mutant(task: tuple[Mutant, list[str]]) -> tuple[Mutant, str, float]:
    """Run the chosen tests on a copy of the sources with one change, in a child of a process with warm libraries."""
    mutant, tests = task
    begun = time.monotonic()
    if not tests:
        return mutant, "no test reaches it", 0.0
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_in_child, args=(mutant, tests, sender), daemon=False)
    child.start()
    sender.close()
    if not receiver.poll(8 * MOST_SECONDS):
        child.kill()
        return mutant, "noticed (no end)", time.monotonic() - begun
    try:
        code = receiver.recv()
    except EOFError:  # the interpreter crashed
        code = 1
    child.join()
    return mutant, OUTCOMES.get(code, f"not tried: pytest ended with {code}"), time.monotonic() - begun


def _in_child(mutant: Mutant, tests: list[str], sender: Connection) -> None:
    import pytest  # noqa: PLC0415

    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory() as folder:
        # compiled modules are copied with their sources; the changed one is compiled anew
        shutil.copytree(ROOT / "src", Path(folder) / "src", ignore=shutil.ignore_patterns("*.egg-info"))
        file = Path(folder) / "src" / mutant.file
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            compiled.unlink()
        tree = Mutator(mutant.site).visit(ast.parse(file.read_text(encoding="utf-8")))
        file.write_text(ast.unparse(ast.fix_missing_locations(tree)), encoding="utf-8")
        sys.path.insert(0, str(Path(folder) / "src"))
        os.environ["PYTHONPATH"] = str(Path(folder) / "src")
        os.chdir(ROOT)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            code = pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist"])
    sender.send(int(code))
    sender.close()
    os._exit(0)  # threads of the libraries do not survive a fork, and to wait for them at exit crashes


def tried(tasks: list[tuple[Mutant, list[str]]], processes: int) -> Iterator[tuple[Mutant, str, float]]:
    """Try all mutants, some at a time; the libraries are imported once, the workbench by each child anew."""
    import duckdb, ibis, lifelines, matplotlib, pandas, pytest, scipy.stats, shap, sklearn.ensemble  # noqa: E401, F401, I001, PLC0415

    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(processes) as pool:
        yield from pool.map(try_mutant, tasks)


def main() -> int:
    """Draw, try, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--package", default="analysis")
    parser.add_argument("--only", help="the end of a file's path, with :LINE for one line")
    parser.add_argument("--tests", help="the tests that are tried; tests/unit/PACKAGE unless told otherwise")
    options = parser.parse_args()
    mutants = draw(options.package, options.only, options.mutants, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        reached, seconds = reach(
            options.package, options.tests or f"tests/unit/{options.package}", options.processes, Path(folder)
        )
    tasks = [(mutant, chosen_tests(mutant, reached, seconds)) for mutant in mutants]
    unchanged = [(replace(mutant, site=-1), tests) for mutant, tests in tasks if tests][:2]
    if any(outcome != "survived" for _, outcome, _ in tried(unchanged, options.processes)):
        sys.exit("Tests fail on a copy without a change; what they notice would say nothing.")
    counts: Counter[str] = Counter()
    for number, (mutant, outcome, took) in enumerate(tried(tasks, options.processes), start=1):
        counts[outcome] += 1
        if not outcome.startswith("noticed"):
            print(f"{mutant.file}:{mutant.line}: {mutant.change}: {outcome}", flush=True)
        elif number % 25 == 0:
            print(f"  {number} of {len(tasks)} tried, the last in {took:.0f} s", flush=True)
    print(", ".join(f"{outcome}: {count}" for outcome, count in counts.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
