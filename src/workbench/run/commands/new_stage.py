"""A notebook of one's own: a template that runs, or a copy of one of ours whose tables are called ``own_...``."""

from __future__ import annotations

import ast
import json
import secrets
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.files import write_text
from workbench.core.params.own_notebooks import is_own_name
from workbench.core.stages import FIRST, LAST, STAGES
from workbench.core.store.tables import OWN_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["write_new_stage"]

_EMPTY = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
_TITLE = """# {question}

One paragraph: what is asked, and what decides.

| reads | writes |
|---|---|
| `features` | `own_{table}` |"""
_PARAMETERS = """profile = "journey"  # the stem of params/<profile>.yaml
column = "monetary_total"  # the feature that is looked at
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
_LIMIT = """stage.limit("A cut by share always finds somebody: it does not show that they differ from the others.")"""
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


def write_new_stage(workspace: Workspace, name: str, *, source: str | None = None) -> Path:
    """Write ``notebooks/<name>.ipynb``; never over a notebook that is there.

    Parameters
    ----------
    workspace : Workspace
    name : str
        Two digits, a verb, an object: ``15_study_gifts``.
    source : str, optional
        One of our stages to copy; without one a small template that runs as it is.

    Returns
    -------
    Path

    Raises
    ------
    ProfileError
        The name cannot be used or is taken, or the stage cannot be copied.
    """
    path = workspace.notebooks / f"{name}.ipynb"
    if not is_own_name(name):
        expected = "Two digits, a verb, an object, lower case, none of ours: 15_study_gifts"
        raise ProfileError(Fault("new-stage", f"'{name}' cannot be the name of a notebook", expected))
    if path.exists():
        remedy = "Choose another name, or remove the notebook first"
        raise ProfileError(Fault("new-stage", f"notebooks/{name}.ipynb is there already", "", remedy))
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


def _cell(kind: str, source: str, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    lines = source.splitlines(keepends=True)
    cell = {"cell_type": kind, "id": secrets.token_hex(4), "metadata": {"tags": list(tags)} if tags else {}}
    return cell | {"source": lines} | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _branched(workspace: Workspace, name: str, source: str) -> dict[str, Any]:
    """Copy one of ours: its stage renamed, its tables written as ``own_...``."""
    if source not in STAGES or source in (FIRST, LAST):
        known = [stage for stage in STAGES if stage not in (FIRST, LAST)]
        raise ProfileError(Fault("--from", f"'{source}' cannot be copied", "", did_you_mean(source, known)))
    path = workspace.notebooks / f"{source}.ipynb"
    if not path.is_file():
        raise ProfileError(Fault("--from", f"notebooks/{source}.ipynb not found", "A workspace holds the templates"))
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["id"] = secrets.token_hex(4)
        if cell["cell_type"] == "code":
            renamed = _Renaming(source, name).visited("".join(cell["source"]))
            cell["source"] = renamed.splitlines(keepends=True)
    return notebook


class _Renaming:
    """Rewrites the calls of one cell: the stage it starts, the tables it writes and reads back."""

    def __init__(self, source: str, name: str):
        self.source, self.name = source, name
        self.tables = {table.name: list(table.keys) for table in STAGES[source].tables}

    def visited(self, text: str) -> str:
        """Return the cell with its calls rewritten, everything else to the letter."""
        edits = [edit for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) for edit in self._edits(node)]
        lines = text.splitlines(keepends=True)
        for node, fresh in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
            first, last = node.lineno - 1, node.end_lineno - 1
            head = lines[first].encode()[: node.col_offset].decode()
            tail = lines[last].encode()[node.end_col_offset :].decode()
            lines[first : last + 1] = [head + fresh + tail]
        return "".join(lines)

    def _edits(self, call: ast.Call) -> list[tuple[ast.expr, str]]:
        function = ast.unparse(call.func)
        if not call.args:
            return []
        first = call.args[0]
        if function == "start" and isinstance(first, ast.Constant):
            return [(first, f'"{self.name}"')]
        if function == "stage.write":
            return [(call, self._written(call))]
        if function == "stage.read" and isinstance(first, ast.Constant) and first.value in self.tables:
            return [(first, f'"{OWN_PREFIX}{first.value}"')]
        return []

    def _written(self, call: ast.Call) -> str:
        first = call.args[0]
        if isinstance(first, ast.Constant):
            content = ast.unparse(call.args[1])
            return f'stage.write("{OWN_PREFIX}{first.value}", {content}, key={self.tables[first.value]})'
        names = f'{{f"{OWN_PREFIX}{{name}}": table for name, table in ({ast.unparse(first)}).items()}}'
        return f"stage.write({names}, key=[])"
