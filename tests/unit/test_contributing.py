"""Everything that CONTRIBUTING names exists: paths, commands with their options, functions, methods of a stage."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

from workbench.core.stages import STAGES
from workbench.run.commands.cli import app
from workbench.run.stages.stage import StageRun

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE)
CODE = re.findall(r"`([^`\n]+)`", BLOCK.sub("", PAGE))
NEW = set(re.findall(r"^New file `(.+?)`:$", PAGE, re.MULTILINE)) | {"notebooks/16_find_one_timers.ipynb"}
PIECE = re.compile(r"^In `([^\n]+\.py)`, below the line `([^\n]+)`:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOLDERS = ("src/", "tests/", "params/", "notebooks/", "core/", "intake/", "analysis/", "report/", "run/")
FILES = re.compile(r"[\w./<>-]+\.(py|md|yaml|toml|ipynb|csv)")


def commands(kind: str) -> list[list[str]]:
    lines = [line for language, body in BLOCKS if language == "bash" for line in body.splitlines()]
    return [shlex.split(line.partition(" > ")[0])[1:] for line in lines if line.startswith(kind)]


def named_paths() -> list[str]:
    """Return the paths in backticks: of the tree, or of a wing of the package."""
    return [name for name in CODE if name.startswith(FOLDERS) or FILES.fullmatch(name)]


def exists(name: str) -> bool:
    homes = (ROOT, ROOT / "src/workbench", ROOT / "src/workbench/report/texts")
    pattern = re.sub(r"<\w+>", "*", name)
    return name in NEW or any(any(home.glob(pattern)) for home in homes)


def attribute(name: str) -> object:
    """Import a dotted name of the package."""
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last, None) or importlib.import_module(name)


def test_every_path_exists():
    paths = named_paths()
    assert len(paths) >= 25
    assert [name for name in paths if not exists(name)] == []


def test_no_new_file_exists():
    assert [name for name in NEW if (ROOT / name).exists()] == []
    assert "16_find_one_timers" not in STAGES


@pytest.mark.parametrize("line", commands(".venv/bin/workbench"), ids=shlex.join)
def test_the_command_line_accepts_every_command(line):
    name, *arguments = line
    command = COMMANDS[name]
    if isinstance(command, typer.core.TyperGroup):
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context(name, list(arguments)).close()


@pytest.mark.parametrize("line", commands(".venv/bin/python -m pytest"), ids=shlex.join)
def test_every_path_passed_to_pytest_exists(line):
    assert [name for name in line if name.startswith("tests/") and not (ROOT / name).exists()] == []


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {*re.findall(r"^make ([\w-]+)$", PAGE, re.MULTILINE), *re.findall(r"`make ([\w-]+)`", PAGE)}
    assert targets >= {"setup-dev", "test", "test-all", "test-long", "check", "lock"}
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_every_method_of_a_stage_exists():
    methods = set(re.findall(r"\bstage\.(\w+)\(", PAGE))
    assert {"read", "write", "show", "table", "say", "limit", "metric", "setting", "finish"} <= methods
    assert [name for name in methods if not callable(getattr(StageRun, name, None))] == []


def test_every_function_named_with_its_module_exists():
    names = [name for name in CODE if name.startswith("workbench.")]
    assert names
    assert all(attribute(name) for name in names)


def test_every_import_in_a_block_works():
    """Modules that a recipe creates are left out; `tests/notebooks/test_contributing.py` imports them."""
    created = {Path(name).with_suffix("").as_posix().removeprefix("src/").replace("/", ".") for name in NEW}
    trees = [ast.parse(body) for language, body in BLOCKS if language == "python" and body[0] not in " \n"]
    imported = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imports = [node for node in imported if node.module.startswith("workbench") and node.module not in created]
    assert imports
    for node in imports:
        module = importlib.import_module(node.module)
        assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_a_file_is_still_valid_python_after_a_piece_is_inserted():
    """A formatter would turn an argument, formatted as a statement, into a tuple."""
    new = dict(re.findall(r"^New file `([^`]+\.py)`:\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    pieces = PIECE.findall(PAGE)
    assert len(pieces) >= 5
    for name, below, piece in pieces:
        text = new[name] if name in new else (ROOT / name).read_text(encoding="utf-8")
        (line,) = [line for line in text.splitlines(keepends=True) if line.strip() == below]
        ast.parse(text.replace(line, line + piece, 1), name)


def test_every_linked_section_exists():
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
