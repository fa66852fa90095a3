"""Rules for the notebook template of every stage, each tested on a notebook that breaks it.

A rule takes a notebook and yields its violations. `bad/<rule>.ipynb` breaks only that rule (`no_outputs` once it is run).
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from workbench.core.params.own_notebooks import is_own_name
from workbench.core.params.profile import load_profile
from workbench.core.stages import SECTIONS, STAGES
from workbench.core.workspace import Workspace

ROOT = Path(__file__).parents[2]
NUMBERED = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))  # without explore_portraits
NOTEBOOKS = [path for path in NUMBERED if path.stem in STAGES]  # the rules do not apply to own notebooks
BAD = sorted((Path(__file__).parent / "bad").glob("*.ipynb"))
BAD_STAGE = "03_build_features"
PROFILE = "journey"

MOST_CODE_CELLS = 15
MOST_CODE_LINES = 90
MOST_CELL_LINES = 12
MOST_FRAME_LINES = 20  # parameters, imports and start
KNOWN_TAGS = {"parameters", "hide-input"}
FORBIDDEN_IMPORTS = {
    "mlflow",
    "papermill",
    "matplotlib",
    "seaborn",
    "pointblank",
    "warnings",
    "random",
    "os",
    "subprocess",
}
FORBIDDEN_CALLS = {"print", "open", "exec", "eval", "input"}
COMPOUND = {
    ast.FunctionDef: "def",
    ast.AsyncFunctionDef: "def",
    ast.ClassDef: "class",
    ast.Lambda: "lambda",
    ast.For: "for",
    ast.AsyncFor: "for",
    ast.While: "while",
    ast.Try: "try",
    ast.TryStar: "try",
    ast.Assert: "assert",
    ast.With: "with",
    ast.Global: "global",
    ast.Delete: "del",
}


@dataclass(frozen=True)
class Notebook:
    """A template: its cells, its stage, the parameters it should have."""

    raw: dict[str, Any]
    stage: str
    expected: dict[str, Any]

    @property
    def cells(self) -> list[dict[str, Any]]:
        return self.raw["cells"]

    @property
    def code(self) -> list[dict[str, Any]]:
        return [cell for cell in self.cells if cell["cell_type"] == "code"]

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [cell for cell in self.code if "parameters" in tags(cell)]

    def trees(self) -> Iterator[tuple[int, ast.Module]]:
        """Yield the number and tree of every code cell that is Python; others break `plain_python`."""
        for at, cell in enumerate(self.cells):
            if cell["cell_type"] == "code":
                tree = parsed(source(cell))
                if tree is not None:
                    yield at, tree

    def nodes(self) -> Iterator[tuple[int, ast.AST]]:
        for at, tree in self.trees():
            yield from ((at, node) for node in ast.walk(tree))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def tags(cell: dict[str, Any]) -> list[str]:
    return cell["metadata"].get("tags", [])


def lines(cell: dict[str, Any]) -> int:
    return sum(bool(line.strip()) for line in source(cell).splitlines())


def parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except SyntaxError:
        return None


def read(path: Path, stage: str, expected: dict[str, Any]) -> Notebook:
    return Notebook(json.loads(path.read_text(encoding="utf-8")), stage, {"profile": PROFILE, **expected})


@cache
def profile_parameters(stage: str) -> dict[str, Any]:
    return load_profile(Workspace(ROOT), PROFILE).sections[stage].model_dump(mode="json")


# the frame ---------------------------------------------------------------------------------------


def first_cell_asks(notebook: Notebook) -> Iterator[str]:
    first = notebook.cells[0]
    title = source(first).strip().splitlines()[0] if source(first).strip() else ""
    if first["cell_type"] != "markdown" or not re.fullmatch(r"# .+[?？]", title):
        yield f"the first cell is markdown and its title is a question; found {title!r}"


def first_cell_names_tables(notebook: Notebook) -> Iterator[str]:
    text = source(notebook.cells[0])
    table = "\n".join(line for line in text.splitlines() if line.startswith("|")).lower()
    if "reads" not in table or "writes" not in table:
        yield "the first cell holds a table of what it reads and writes"
    if notebook.stage == "01_check_quality":  # it writes every canonical table
        return
    for name in STAGES[notebook.stage].writes:
        if f"`{name}`" not in table and f"`{name.split('_')[0]}_*`" not in table:
            yield f"the first cell does not name the table {name} it writes"


def one_parameters_cell(notebook: Notebook) -> Iterator[str]:
    if len(notebook.parameters) != 1 or notebook.code[0] is not notebook.parameters[0]:
        yield f"the first code cell, and no other, has the tag 'parameters'; found {len(notebook.parameters)}"


def parameters_are_literals(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.parameters:
        text = source(cell)
        tree = parsed(text) or ast.Module([], [])
        comments = {token.start[0] for token in tokens(text) if token.type == tokenize.COMMENT}
        for statement in tree.body:
            if assigned(statement) is None:
                yield f"line {statement.lineno} of the parameters is not 'name = literal'"
            elif not comments & set(range(statement.lineno, statement.end_lineno + 1)):
                yield f"{assigned(statement)[0]} has no comment with its unit or meaning"


def parameters_are_the_models(notebook: Notebook) -> Iterator[str]:
    expected, values = notebook.expected, {}
    for cell in notebook.parameters:
        pairs = [assigned(statement) for statement in (parsed(source(cell)) or ast.Module([], [])).body]
        values |= dict(pair for pair in pairs if pair is not None)
    if list(values) != list(expected):
        yield f"parameters are {list(values)}, the model has {list(expected)}"
    for name in values.keys() & expected.keys():
        if values[name] != expected[name] or type(values[name]) is not type(expected[name]):
            yield f"{name} is {values[name]!r}, profile {PROFILE} has {expected[name]!r}"


def starts_its_own_stage(notebook: Notebook) -> Iterator[str]:
    cells = [tree for _, tree in notebook.trees() if any(called(node) == "start" for node in ast.walk(tree))]
    nodes = [node for tree in cells for node in ast.walk(tree)]
    calls = [node for node in nodes if called(node) == "start"]
    stages = [call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)]
    if len(calls) != 1 or stages != [notebook.stage]:
        yield f"start() is called once, with its own stem {notebook.stage!r}; found {stages}"
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    keys = {node.arg if isinstance(node, ast.keyword) else getattr(node, "value", None) for node in nodes}
    for name in notebook.expected:
        if name not in names or (name != "profile" and name not in keys):
            yield f"parameter {name} is not passed to start()"


def ends_with_finish(notebook: Notebook) -> Iterator[str]:
    last = notebook.cells[-1]
    finishes = sum(ast.unparse(node) == "stage.finish()" for _, node in notebook.nodes() if isinstance(node, ast.Expr))
    if last["cell_type"] != "code" or not source(last).endswith("stage.finish()") or finishes != 1:
        yield f"the last cell ends with the one stage.finish(); found {source(last).strip()[-60:]!r}"


def says_what_it_does_not_show(notebook: Notebook) -> Iterator[str]:
    headings = re.findall(r"^#+ (.+)$", "\n".join(map(source, markdown(notebook))), re.MULTILINE)
    if notebook.stage != "14_write_report" and not any("not show" in heading for heading in headings):
        yield "no markdown heading says what it does not show"


# size --------------------------------------------------------------------------------------------


def few_code_cells(notebook: Notebook) -> Iterator[str]:
    if len(notebook.code) > MOST_CODE_CELLS:
        yield f"{len(notebook.code)} code cells, at most {MOST_CODE_CELLS}"


def few_code_lines(notebook: Notebook) -> Iterator[str]:
    total = sum(lines(cell) for cell in notebook.code)
    if total > MOST_CODE_LINES:
        yield f"{total} code lines, at most {MOST_CODE_LINES}"


def short_cells(notebook: Notebook) -> Iterator[str]:
    for at, cell in enumerate(notebook.cells):
        if cell["cell_type"] == "code":
            frame = "parameters" in tags(cell) or "import " in source(cell)
            most = MOST_FRAME_LINES if frame else MOST_CELL_LINES
            if lines(cell) > most:
                yield f"cell {at} has {lines(cell)} lines, at most {most}"


def code_follows_markdown(notebook: Notebook) -> Iterator[str]:
    for at in range(1, len(notebook.cells)):
        before, cell = notebook.cells[at - 1], notebook.cells[at]
        if cell["cell_type"] == "code" and before["cell_type"] != "markdown" and "parameters" not in tags(before):
            yield f"code cell {at} does not follow a markdown cell that says why"


# the file ------------------------------------------------------------------------


def no_outputs(notebook: Notebook) -> Iterator[str]:
    for at, cell in enumerate(notebook.cells):
        if cell.get("outputs") or cell.get("execution_count") is not None:
            yield f"cell {at} keeps an output or a count"
    if "widgets" in notebook.raw["metadata"] or "papermill" in notebook.raw["metadata"]:
        yield "the file keeps widget state or a run"


def known_tags(notebook: Notebook) -> Iterator[str]:
    for at, cell in enumerate(notebook.cells):
        if unknown := set(tags(cell)) - KNOWN_TAGS:
            yield f"cell {at} has the tag {sorted(unknown)}; known: {sorted(KNOWN_TAGS)}"


def every_cell_has_an_id(notebook: Notebook) -> Iterator[str]:
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) < len(ids):
        yield "every cell has a unique id"


def python_kernel(notebook: Notebook) -> Iterator[str]:
    if notebook.raw["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "the kernel is python3"


# code -------------------------------------------------------------------------------


def plain_python(notebook: Notebook) -> Iterator[str]:
    for at, cell in enumerate(notebook.cells):
        if cell["cell_type"] == "code" and parsed(source(cell)) is None:
            yield f"cell {at} is not plain Python: templates use no magics"


def nothing_defined_or_looped(notebook: Notebook) -> Iterator[str]:
    for at, node in notebook.nodes():
        if type(node) in COMPOUND:
            yield f"cell {at} holds '{COMPOUND[type(node)]}', which belongs in src"


def no_nested_control_flow(notebook: Notebook) -> Iterator[str]:
    for at, node in notebook.nodes():
        if isinstance(node, ast.If) and any(isinstance(child, ast.If) for child in ast.walk(node) if child is not node):
            yield f"cell {at} nests 'if'"


def no_forbidden_imports(notebook: Notebook) -> Iterator[str]:
    for at, node in notebook.nodes():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            if name.split(".")[0] in FORBIDDEN_IMPORTS or name.startswith("workbench.run.tracking"):
                yield f"cell {at} imports {name}"


def imports_stand_together(notebook: Notebook) -> Iterator[str]:
    cells = {at for at, node in notebook.nodes() if isinstance(node, (ast.Import, ast.ImportFrom))}
    second = [at for at, cell in enumerate(notebook.cells) if cell["cell_type"] == "code"][1:2]
    if sorted(cells) != second:
        yield f"all imports are in the second code cell; found in cells {sorted(cells)}"


def no_forbidden_calls(notebook: Notebook) -> Iterator[str]:
    for at, node in notebook.nodes():
        if called(node) in FORBIDDEN_CALLS:
            yield f"cell {at} calls {called(node)}()"


def no_paths(notebook: Notebook) -> Iterator[str]:
    for at, node in notebook.nodes():
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if "://" in text or re.fullmatch(r"[\w.~*-]*(/[\w.*-]+)+/?", text):
            yield f"cell {at} spells the path {text!r}"


def names_are_given_once(notebook: Notebook) -> Iterator[str]:
    first_cells: dict[str, int] = {}
    for at, tree in notebook.trees():
        for statement in tree.body:
            for name in stored(statement):
                if first_cells.get(name, at) != at:
                    yield f"cell {at} assigns {name} again, first assigned in cell {first_cells[name]}"
                first_cells.setdefault(name, at)


def frames_are_not_changed(notebook: Notebook) -> Iterator[str]:
    for at, node in notebook.nodes():
        if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield f"cell {at} changes {ast.unparse(node)} in place"
        if isinstance(node, ast.keyword) and node.arg == "inplace":
            yield f"cell {at} changes a frame with inplace="


# helpers ----------------------------------------------------------------------------


def markdown(notebook: Notebook) -> list[dict[str, Any]]:
    return [cell for cell in notebook.cells if cell["cell_type"] == "markdown"]


def tokens(text: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(text).readline))


def assigned(statement: ast.stmt) -> tuple[str, Any] | None:
    """Return the name and value of 'name = literal', or None."""
    if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
        return None
    try:
        return statement.targets[0].id, ast.literal_eval(statement.value)
    except ValueError:
        return None


def called(node: ast.AST) -> str | None:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def stored(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement assigns, except inside comprehensions."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    for target in filter(None, targets):
        names = (node for node in ast.walk(target) if isinstance(node, ast.Name))
        yield from (node.id for node in names if isinstance(node.ctx, ast.Store))


RULES = {
    rule.__name__: rule
    for rule in (
        first_cell_asks,
        first_cell_names_tables,
        one_parameters_cell,
        parameters_are_literals,
        parameters_are_the_models,
        starts_its_own_stage,
        ends_with_finish,
        says_what_it_does_not_show,
        few_code_cells,
        few_code_lines,
        short_cells,
        code_follows_markdown,
        no_outputs,
        known_tags,
        every_cell_has_an_id,
        python_kernel,
        plain_python,
        nothing_defined_or_looped,
        no_nested_control_flow,
        no_forbidden_imports,
        imports_stand_together,
        no_forbidden_calls,
        no_paths,
        names_are_given_once,
        frames_are_not_changed,
    )
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES)
def test_every_notebook_keeps_every_rule(path, rule):
    assert list(RULES[rule](read(path, path.stem, profile_parameters(path.stem)))) == []


def test_every_stage_has_its_notebook_and_every_other_one_a_valid_own_name():
    assert [path.stem for path in NOTEBOOKS] == sorted(STAGES)
    assert [path.name for path in NUMBERED if path not in NOTEBOOKS and not is_own_name(path.stem)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_named_by_number_verb_and_object(stage):
    assert re.fullmatch(r"\d\d(_[a-z]+){2,3}", stage)


def test_every_rule_has_a_notebook_that_breaks_it():
    assert sorted(path.stem for path in BAD) == sorted(RULES)


def as_if_run(path, folder):
    """Copy a valid notebook and add the output and the count of one run; no file in the folder has any."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    cell = next(cell for cell in raw["cells"] if cell["id"] == "features")
    cell |= {"execution_count": 3, "outputs": [{"name": "stdout", "output_type": "stream", "text": ["2469\n"]}]}
    (folder / path.name).write_text(json.dumps(raw), encoding="utf-8")
    return folder / path.name


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_notebook_breaks_only_its_own_rule(path, tmp_path):
    path = as_if_run(path, tmp_path) if path.stem == no_outputs.__name__ else path
    notebook = read(path, BAD_STAGE, {"windows_days": SECTIONS[BAD_STAGE]().windows_days})
    broken = {name for name, rule in RULES.items() if list(rule(notebook))}
    assert broken == {path.stem}
