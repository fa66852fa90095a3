"""An analyst's own notebook as a stage: the parameters cell replaces the declaration in Python."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.section import Section
from workbench.core.stages import STAGES
from workbench.core.stages.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_own_name", "own_stage"]

_NAME = re.compile(r"^[0-9]{2}_[a-z][a-z0-9]*(_[a-z0-9]+)+$")
_UNIT = re.compile(r"^([a-zA-Z%]+(?: [a-zA-Z]+)?): (.+)$")
_ADVICE = "One cell tagged 'parameters' whose lines are 'name = literal  # unit: meaning'"


def is_own_name(name: str) -> bool:
    """Return whether a name is valid for an own notebook: two digits, a verb, an object, and not a declared stage."""
    return bool(_NAME.match(name)) and name not in STAGES


def own_stage(notebooks: Path, name: str) -> Stage:
    """Read the declaration of an own notebook.

    Parameters
    ----------
    notebooks : Path
        The folder of notebooks.
    name : str
        Stem of the notebook file.

    Returns
    -------
    Stage
        The question is the title of the first cell. The type of a parameter is the type of its literal; unit and help
        come from the comment. No tables are declared, since those it reads and writes are known only after a run.

    Raises
    ------
    ProfileError
        When the notebook does not exist, is not JSON, or its parameters cell cannot be parsed.
    """
    path = notebooks / f"{name}.ipynb"
    if not path.is_file():
        stems = [other.stem for other in notebooks.glob("[0-9][0-9]_*.ipynb")]
        remedy = did_you_mean(name, sorted({*STAGES, *stems}))
        expected = "" if remedy.startswith("Did") else f"A declared stage, or a notebook notebooks/{name}.ipynb"
        raise ProfileError(Fault("", f"unknown stage '{name}'", expected, remedy))
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title = _title(cells) or name
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ProfileError(Fault(f"notebooks/{name}.ipynb", "not a notebook", "Expected JSON with cells")) from None
    return Stage(name, {"en": title, "zh": title}, _parameters(name, cells))


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _title(cells: list[dict[str, Any]]) -> str:
    texts = (_source(cell) for cell in cells if cell.get("cell_type") == "markdown")
    headings = (line.lstrip("#").strip() for text in texts for line in text.splitlines() if line.startswith("#"))
    return next(headings, "")


def _parameters(name: str, cells: list[dict[str, Any]]) -> type[Section]:
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        problem = f"{len(tagged)} cells are tagged 'parameters'"
        raise ProfileError(Fault(f"notebooks/{name}.ipynb", problem, _ADVICE))
    source = _source(tagged[0])
    try:
        statements = [_assignment(statement) for statement in ast.parse(source).body]
        values = dict(_parameter(statement) for statement in statements)
        _check_names([_target(statement) for statement in statements])
    except (SyntaxError, ValueError, AttributeError) as error:
        raise ProfileError(Fault(f"notebooks/{name}.ipynb", f"parameters: {error}", _ADVICE)) from None
    comments = _comments(source)
    fields: dict[str, Any] = {
        key: (_type_of(value), _field(value, comments.get(statement.lineno, "")))
        for statement, (key, value) in zip(statements, values.items(), strict=True)
        if key != "profile"
    }
    return create_model(f"Own_{name}", __base__=Section, __doc__=f"{name}.", **fields)


def _assignment(statement: ast.stmt) -> ast.Assign:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement
    raise ValueError(f"line {statement.lineno} is not 'name = literal'")


def _target(statement: ast.Assign) -> str:
    return ast.unparse(statement.targets[0])


def _parameter(statement: ast.Assign) -> tuple[str, Any]:
    name, value = _target(statement), ast.literal_eval(statement.value)
    if not isinstance(value, (bool, int, float, str, list, dict, type(None))):
        raise ValueError(f"{name} is {ast.unparse(statement.value)}: a number, text, True, False, None, list or dict")
    return name, value


def _check_names(names: list[str]) -> None:
    """Check that names are not repeated and are valid parameter names."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is assigned twice")
        if name.startswith("_") or hasattr(Section, name):
            raise ValueError(f"{name} cannot be the name of a parameter")


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _field(value: Any, comment: str) -> Any:
    unit = _UNIT.match(comment)
    text = unit[2] if unit else comment
    extra: dict[str, Any] = {"unit": unit[1] if unit else "", "help": {"en": text, "zh": text}}
    if isinstance(value, (list, dict)):
        return Field(default_factory=lambda: type(value)(value), json_schema_extra=extra)
    return Field(value, json_schema_extra=extra)


def _type_of(value: Any) -> Any:
    if value is None:
        return Any
    if isinstance(value, list):
        kinds = {type(item) for item in value}
        return GenericAlias(list, kinds.pop()) if len(kinds) == 1 else list[Any]
    return dict[str, Any] if isinstance(value, dict) else type(value)
