"""Follow the recipes of CONTRIBUTING.md word by word in a copy of the tree: write the blocks, run the commands."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
NEW = re.compile(r"New file `(.+?)`:")
END = re.compile(r"At the end of `(.+?)`:")
BELOW = re.compile(r"In `(.+?)`, below the line `(.+)`:")
CELL = re.compile(r".+ \(`(\d\d-\d\d)`\) of `(.+?)`:")
STAGE = "16_find_one_timers"
CHANGING = (".workbench", "data", "reports", "mlruns", "__pycache__", ".pytest_cache", ".ruff_cache")
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Tree:
    """A copy of the tree in which recipes are followed."""

    root: Path

    def digests(self) -> dict[str, str]:
        paths = (path for path in self.root.rglob("*") if path.is_file() and not set(path.parts) & set(CHANGING))
        return {path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    def run(self, *command: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(self.root / "src")}
        process = subprocess.run(command, check=False, cwd=self.root, env=environment, capture_output=True, text=True)
        assert process.returncode == 0, f"{shlex.join(command)}\n{process.stdout}\n{process.stderr}"
        return process.stdout

    def pytest(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)

    def summary(self, stage: str) -> dict:
        path = self.root / f"data/processed/tiny/.stages/{stage}/current/summary.json"
        return json.loads(path.read_text(encoding="utf-8"))

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.root / f"data/processed/tiny/{name}.parquet")


def section(heading: str) -> str:
    match = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, f"CONTRIBUTING.md has no section {heading!r}"
    return match[1]


def follow(tree: Tree, heading: str) -> tuple[set[str], str]:
    """Follow a section; return the files that it changed and the output of its commands."""
    before, outputs = tree.digests(), []
    for block in BLOCK.finditer(section(heading)):
        if block["language"] == "bash":
            outputs += [tree.run(*command) for command in commands(block["body"])]
        else:
            write(tree, block["before"], block["body"])
    after = tree.digests()
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}, "\n".join(outputs)


def commands(body: str) -> Iterator[list[str]]:
    programs = {"workbench": [sys.executable, "-m", "workbench.run.commands.cli"], "python": [sys.executable]}
    for line in body.splitlines():
        program, *arguments = shlex.split(line)
        yield [*programs[program.removeprefix(".venv/bin/")], *arguments]


def write(tree: Tree, before: str, body: str) -> None:
    """Write a block to the place that the line before it names."""
    if match := NEW.fullmatch(before):
        path = tree.root / match[1]
        assert not path.exists(), f"{match[1]} already exists"
        path.write_text(body, encoding="utf-8")
    elif match := END.fullmatch(before):
        path = tree.root / match[1]
        path.write_text(path.read_text(encoding="utf-8") + body, encoding="utf-8")
    elif match := BELOW.fullmatch(before):
        path = tree.root / match[1]
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        line_numbers = [at for at, line in enumerate(lines) if line.strip() == match[2]]
        assert len(line_numbers) == 1, f"{match[1]} has the line {match[2]!r} {len(line_numbers)} times"
        path.write_text("".join([*lines[: line_numbers[0] + 1], body, *lines[line_numbers[0] + 1 :]]), encoding="utf-8")
    elif match := CELL.fullmatch(before):
        fill_cell(tree.root / match[2], match[1], body)
    else:
        raise AssertionError(f"the line before this block names no place: {before!r}\n{body}")


def fill_cell(path: Path, name: str, body: str) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == name]
    cell["source"] = body.removesuffix("\n").splitlines(keepends=True)
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


@pytest.fixture
def tree(tiny, tmp_path):
    """A copy of the tree, with the tables of a run of the tiny profile."""
    root = tmp_path / "tree"
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "scratch")
    for name in ("src", "notebooks", "params", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    shutil.copytree(tiny / "data", root / "data", symlinks=True)
    for name in ("pyproject.toml", "README.md", "README.zh.md"):
        shutil.copy(ROOT / name, root / name)
    return Tree(root)


def check_rules(tree: Tree, *files: str) -> None:
    """Run the tests that every stage must pass in the copy, and ruff on the new files."""
    rules = ("unit/test_layers.py", "unit/report/test_texts_used.py", "unit/report/test_text_files.py",
             "unit/report/test_notebook_words.py", "notebooks/test_rules.py")  # fmt: skip
    selection = f"not keeps_every_rule or {STAGE}"
    tree.pytest(*(f"tests/{rule}" for rule in rules), "tests/unit/analysis/test_one_timers.py", "-k", selection)
    tree.run(sys.executable, "-m", "ruff", "check", *files)
    tree.run(sys.executable, "-m", "ruff", "format", "--check", *files)


def test_a_stage_its_texts_and_a_parameter_are_added(tree):
    created = {
        f"notebooks/{STAGE}.ipynb",
        "src/workbench/core/stages/find_one_timers.py",
        f"src/workbench/report/texts/{STAGE}.yaml",
        "src/workbench/analysis/one_timers.py",
        "src/workbench/report/plots/one_timers.py",
        "src/workbench/report/findings/one_timers.py",
        "tests/unit/analysis/test_one_timers.py",
    }
    changed, printed = follow(tree, "Add a stage")
    assert changed == created  # and no existing file
    assert "report: " in printed
    features, table = tree.table("features"), tree.table("one_timers")
    expected = features[(features["frequency_orders"] == 1) & (features["recency_days"] >= 60)]
    assert table["customer_id"].tolist() == sorted(expected["customer_id"])
    assert tree.summary(STAGE)["metrics"] == {"customers": len(expected)}
    assert_in_report(tree)

    changed, _ = follow(tree, "Add a text")
    assert changed < created
    changed, _ = follow(tree, "Add a parameter")
    assert changed < created
    check_rules(tree, *sorted(name for name in created if not name.endswith(".yaml")))
    summary = tree.summary(STAGE)
    assert summary["settings"] == {"silent_days": 60, "band_days": 365}
    (ages,) = [table["rows"] for table in summary["shown"] if table["name"] == "ages"]
    assert [row[:2] for row in ages] == [[0, 364], [365, 729]]
    assert [limit["key"] for limit in summary["limits"]] == ["one_timers_limit", "one_timers_limit_value"]


def assert_in_report(tree: Tree) -> None:
    folder = tree.root / "reports/tiny/latest"
    for file, name in {"report.html": "One-time buyers", "report.zh.html": "一次性买家"}.items():
        page = (folder / file).read_text(encoding="utf-8")
        assert f'id="{STAGE}"' in page and name in page
    assert (folder / f"pages/{STAGE}.html").is_file()


def test_a_feature_and_a_tag_are_added(tree):
    changed, printed = follow(tree, "Add a feature")
    assert changed == {
        "src/workbench/intake/features/catalogue/purchases.py",
        "src/workbench/intake/features/purchases/rhythm.py",
        "tests/unit/intake/test_features.py",
    }
    features = tree.table("features")
    assert features["first_gap_days"].notna().sum() == features["last_gap_days"].notna().sum() > 0
    assert " passed" in printed

    changed, printed = follow(tree, "Add a tag")
    assert changed == {"params/tags/consumption.yaml"}
    assert "soon" in printed and "later" in printed


def test_an_own_notebook_and_a_bad_file_are_added(tree):
    changed, _ = follow(tree, "A notebook of your own")
    assert changed == {"notebooks/15_study_gifts.ipynb", "notebooks/15_try_segments.ipynb", "params/tiny.yaml"}
    assert tree.summary("15_study_gifts")["metrics"]["customers"] == len(tree.table("own_study_gifts"))

    changed, _ = follow(tree, "Add a bad file")
    assert changed == {f"tests/corpus/{name}" for name in ("01_two_missing_cells.csv", "verdicts.yaml", "README.md")}
