"""Write a new notebook: a runnable template, a copy of a stage, or the frame of a declared stage."""

from __future__ import annotations

import ast
import json
import re
import secrets
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.files import write_text
from workbench.core.params.own_notebooks import is_own_name
from workbench.core.stages import FIRST, LAST, STAGES
from workbench.core.store.tables import OWN_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.stages.stage import Stage
    from workbench.core.workspace import Workspace

__all__ = ["write_new_stage"]

_EMPTY = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
_TITLE = """# {question}

One paragraph: the question, and what decides it.

| reads | writes |
|---|---|
| `features` | `own_{table}` |"""
_PARAMETERS = """profile = "journey"  # the stem of params/<profile>.yaml
column = "monetary_total"  # the feature to look at
top_share = 0.1  # share: customers at the top"""
_START = """import seaborn as sns

from workbench import start

stage = start("{name}", profile, {{"column": column, "top_share": top_share}})"""
_READ = """features = stage.read("features")
bound = features[column].quantile(1 - top_share)
top = features.loc[features[column] >= bound, ["customer_id", column]]
stage.write("own_{table}", top)
stage.table("top", top[[column]].describe().reset_index(names="measure"), title="The customers at the top")"""
_SHOW = """grid = sns.displot(features, x=column, height=4, aspect=2)
stage.show("spread", grid, title=f"How {column} is spread", alt=f"Histogram of {column}")"""
_SAY = """stage.metric("customers", len(top))
stage.say("**{n:int}** customers are at or above {bound:num} in `{column}`.", n=len(top), bound=bound, column=column)"""
_LIMIT = """stage.limit("A cut by share always selects someone; it does not show that they differ from the others.")"""
_FRAME = (
    ("markdown", "## Parameters", ()),
    ("code", _PARAMETERS, ("parameters",)),
    ("markdown", "## Start", ()),
    ("code", _START, ("hide-input",)),
    ("markdown", "## The customers at the top", ()),
    ("code", _READ, ()),
    ("markdown", "## How the feature is spread", ()),
    ("code", _SHOW, ()),
    ("markdown", "## What we found", ()),
    ("code", _SAY, ()),
    ("markdown", "## What it does not show", ()),
    ("code", _LIMIT, ()),
    ("markdown", "## Record and finish", ()),
    ("code", "stage.finish()", ()),
)

_MOST_LETTERS = 100  # of a line; longer settings get one line each
_DECLARED = (
    ("markdown", "{title}", ()),
    ("markdown", "## Parameters", ()),
    ("code", "{parameters}", ("parameters",)),
    ("markdown", "## Start", ()),
    ("code", "{start}", ("hide-input",)),
    ("markdown", "## Results", ()),
    ("code", "", ()),
    ("markdown", "## What we found", ()),
    ("code", "", ()),
    ("markdown", "## What it does not show", ()),
    ("code", "", ()),
    ("markdown", "## Record and finish", ()),
    ("code", "stage.finish()", ()),
)


def write_new_stage(workspace: Workspace, name: str, *, source: str | None = None) -> Path:
    """Write ``notebooks/<name>.ipynb``; never overwrite a notebook.

    Parameters
    ----------
    workspace : Workspace
    name : str
        Two digits, a verb, an object: ``15_study_gifts``. A declared stage without a notebook gets a notebook with
        its question, tables, parameters, start and finish.
    source : str, optional
        A declared stage to copy; default: a small template that runs unchanged.

    Returns
    -------
    Path

    Raises
    ------
    ProfileError
        The name is invalid or already used, or the stage cannot be copied.
    """
    path = workspace.notebooks / f"{name}.ipynb"
    declared = STAGES.get(name) if source is None else None
    if declared is None and not is_own_name(name):
        expected = "Two digits, a verb, an object, lower case, no declared stage: 15_study_gifts"
        raise ProfileError(Fault("new-stage", f"'{name}' cannot be the name of a notebook", expected))
    if path.exists():
        remedy = "Choose another name, or remove the notebook first"
        raise ProfileError(Fault("new-stage", f"notebooks/{name}.ipynb already exists", "", remedy))
    if declared is not None:
        notebook = _frame(declared)
    else:
        notebook = _template(name) if source is None else _branched(workspace, name, source)
    return write_text(path, json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")


def _template(name: str) -> dict[str, Any]:
    table = name[3:]
    values = {"question": f"{table.replace('_', ' ').capitalize()}: what do we see?", "table": table, "name": name}
    cells = [_cell("markdown", _TITLE.format(**values))]
    for kind, source, tags in _FRAME:
        text = source.format(**values) if source in (_START, _READ) else source
        cells.append(_cell(kind, text.replace("own_{table}", f"own_{table}"), tags))
    return {"cells": cells, "metadata": _EMPTY, "nbformat": 4, "nbformat_minor": 5}


def _frame(stage: Stage) -> dict[str, Any]:
    """Return the notebook frame of a declared stage; the texts of the stage refer to these cell ids."""
    values = {"title": _title(stage), "parameters": _parameters(stage), "start": _start(stage)}
    cells = [
        _cell(kind, values.get(source.strip("{}"), source), tags, f"{stage.name[:2]}-{position:02d}")
        for position, (kind, source, tags) in enumerate(_DECLARED)
    ]
    return {"cells": cells, "metadata": _EMPTY, "nbformat": 4, "nbformat_minor": 5}


def _title(stage: Stage) -> str:
    reads, writes = (", ".join(f"`{name}`" for name in names) for names in (stage.reads, stage.writes))
    head = f"# {stage.question['en']}\n\nOne paragraph: the question, and what decides it.\n\n"
    return f"{head}| reads | writes |\n|---|---|\n| {reads} | {writes} |"


def _parameters(stage: Stage) -> str:
    lines = ['profile = "journey"  # the stem of params/<profile>.yaml']
    values = stage.parameters().model_dump(mode="json")
    for name, field in stage.parameters.model_fields.items():
        extra: Any = field.json_schema_extra
        unit = f"{extra['unit']}: " if extra["unit"] else ""
        lines.append(f"{name} = {_literal(values[name])}  # {unit}{extra['help']['en']}")
    return "\n".join(lines)


def _literal(value: Any) -> str:
    """Write a value as Python source, with texts in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(item)}' for key, item in value.items())}}}"
    return repr(value)


def _start(stage: Stage) -> str:
    pairs = [f'"{name}": {name}' for name in stage.parameters.model_fields]
    line = f'stage = start("{stage.name}", profile, {{{", ".join(pairs)}}})'
    if len(line) > _MOST_LETTERS:
        lines = "".join(f"    {pair},\n" for pair in pairs)
        line = f'settings = {{\n{lines}}}\nstage = start("{stage.name}", profile, settings)'
    return f"from workbench import start\n\n{line}"


def _cell(kind: str, source: str, tags: tuple[str, ...] = (), name: str = "") -> dict[str, Any]:
    lines = source.splitlines(keepends=True)
    cell = {"cell_type": kind, "id": name or secrets.token_hex(4), "metadata": {"tags": list(tags)} if tags else {}}
    return cell | {"source": lines} | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _branched(workspace: Workspace, name: str, source: str) -> dict[str, Any]:
    """Copy a declared stage without outputs; rename the stage, and its tables to ``own_...``."""
    if source not in STAGES or source in (FIRST, LAST):
        stages = [stage for stage in STAGES if stage not in (FIRST, LAST)]
        raise ProfileError(Fault("--from", f"'{source}' cannot be copied", "", did_you_mean(source, stages)))
    path = workspace.notebooks / f"{source}.ipynb"
    if not path.is_file():
        raise ProfileError(Fault("--from", f"notebooks/{source}.ipynb not found", "A workspace holds the templates"))
    notebook = json.loads(path.read_text(encoding="utf-8"))
    renaming = _Renaming(source, name)
    for cell in notebook["cells"]:
        cell["id"] = secrets.token_hex(4)
        rename = renaming.code if cell["cell_type"] == "code" else renaming.markdown
        cell["source"] = rename("".join(cell["source"])).splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell.update(execution_count=None, outputs=[])
    return notebook


class _Renaming:
    """Renames the stage and its tables in notebook cells."""

    def __init__(self, source: str, name: str):
        self.source, self.name = source, name
        self.tables = {table.name: list(table.keys) for table in STAGES[source].tables}

    def code(self, text: str) -> str:
        """Return a code cell with renamed calls, otherwise unchanged."""
        edits = [
            edit for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) for edit in self._edits(text, node)
        ]
        lines = text.splitlines(keepends=True)
        for node, replacement in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            head = lines[first].encode()[: node.col_offset].decode()
            tail = lines[last].encode()[node.end_col_offset :].decode()
            lines[first : last + 1] = [head + replacement + tail]
        return "".join(lines)

    def markdown(self, text: str) -> str:
        """Return a markdown cell with renamed tables."""
        lines = text.splitlines(keepends=True)
        for name in self.tables:
            lines = [line.replace(f"`{name}`", f"`{OWN_PREFIX}{name}`") if line[0] == "|" else line for line in lines]
        return "".join(lines)

    def _edits(self, text: str, call: ast.Call) -> list[tuple[ast.expr, str]]:
        function = ast.unparse(call.func)
        if not call.args:
            return []
        first = call.args[0]
        if function == "start" and isinstance(first, ast.Constant):
            return [(first, f'"{self.name}"')]
        if function == "stage.write":
            return [(call, self._renamed_write(text, call))]
        if function == "stage.read" and isinstance(first, ast.Constant) and first.value in self.tables:
            return [(first, f'"{OWN_PREFIX}{first.value}"')]
        return []

    def _renamed_write(self, text: str, call: ast.Call) -> str:
        first, *others = (ast.get_source_segment(text, argument) or "" for argument in call.args)
        if isinstance(call.args[0], ast.Constant):
            table = str(call.args[0].value)
            return f'stage.write("{OWN_PREFIX}{table}", {others[0]}, key={_literal(self.tables[table])})'
        return f"stage.write({_own_names(first, call.args[0])}, key=[])"


def _own_names(text: str, mapping: ast.expr) -> str:
    """Rename the tables in a mapping: its keys if they are literals, otherwise through a comprehension."""
    keys = mapping.keys if isinstance(mapping, ast.Dict) else [getattr(mapping, "key", None)]
    literals = [ast.unparse(key) for key in keys if isinstance(key, (ast.Constant, ast.JoinedStr))]
    names = [re.sub("^f?'", "", key)[:-1] for key in literals]
    if len(names) == len(keys) and all(text.count(f'"{name}"') == 1 for name in names):
        for name in names:
            text = text.replace(f'"{name}"', f'"{OWN_PREFIX}{name}"')
        return text
    return f'{{f"{OWN_PREFIX}{{name}}": table for name, table in {text}.items()}}'
