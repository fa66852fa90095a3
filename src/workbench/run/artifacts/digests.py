"""What decides whether a stage must run again: digests of its inputs, parameters and code."""

from __future__ import annotations

import ast
import importlib.metadata
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import workbench
from workbench.core.files import digest_file, digest_json, write_json
from workbench.core.schema import CANONICAL
from workbench.core.stages import STAGES
from workbench.intake.reading.places import present_files
from workbench.intake.surveys.questionnaire import questionnaire_path

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = [
    "code_digest",
    "file_digests",
    "notebook_sources",
    "questionnaire_files",
    "source_files",
    "stage_inputs",
    "stage_key",
]

_PACKAGE = Path(workbench.__file__).parent
_IDENTITY = "02_resolve_identity"
_LIBRARIES = (
    "duckdb", "ibis-framework", "matplotlib", "numpy", "pandas", "pointblank", "scikit-learn", "scipy", "splink",
)  # fmt: skip


def stage_key(
    stage: str, *, profile: Profile, as_of: str | None, code: str, inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a stage's result depends on; two equal keys give equal results.

    Parameters
    ----------
    stage : str
    profile : Profile
    as_of : str or None
        ISO date; None before it is known.
    code : str
        Digest of the notebook and of every module it reaches.
    inputs : mapping
        Digests of the tables, files or summaries it reads.
    """
    settings = profile.sections[stage].model_dump(mode="json")
    key = {
        "stage": stage,
        "settings": settings,
        "as_of": as_of,
        "languages": list(profile.languages),
        "credit": profile.credit,
        "code": code,
        "inputs": dict(inputs),
        "libraries": _library_versions(),
    }
    if stage == "01_check_quality":
        key["sources"] = {name: source.model_dump(mode="json") for name, source in profile.sources.items()}
        key["identity"] = any(each.startswith("02_") for each in profile.stages)
    if stage == "14_write_report":
        key["goal"] = profile.goal.model_dump()
    return key


def notebook_sources(path: Path) -> list[str]:
    """Return the source of every cell of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


def code_digest(notebook: Path) -> str:
    """Digest a notebook and every workbench module it reaches by imports, with their data files."""
    files = _reached(notebook)
    modules = {path.relative_to(_PACKAGE).as_posix(): _file_digest(path) for path in sorted(files)}
    return digest_json([notebook_sources(notebook), modules])


def source_files(workspace: Workspace, profile: Profile) -> list[Path]:
    """Return the files of every source, with its rates and the questionnaire its answers are judged by, sorted."""
    places = profile.sources.values()
    named = {path for source in places for path in present_files(source, workspace.root)}
    rates = {workspace.root / source.formats.rates for source in places if source.formats.rates}
    return sorted({*named, *(path for path in rates if path.is_file()), *questionnaire_files(workspace, profile)})


def questionnaire_files(workspace: Workspace, profile: Profile) -> list[Path]:
    """Return the questionnaires that the sources of a profile name and that are there, sorted."""
    named = {path for source in profile.sources.values() if (path := questionnaire_path(source))}
    return sorted(path for each in named if (path := workspace.root / each).is_file())


def file_digests(workspace: Workspace, paths: Iterable[Path]) -> dict[str, str]:
    """Digest files by content; a file whose size and times are unchanged is not read again."""
    memory_path = workspace.lock.parent / "file_digests.json"
    try:
        memory = json.loads(memory_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        memory = {}
    digests, known = {}, dict(memory)
    for path in paths:
        status = path.stat()
        name = workspace.relative(path)
        stamp = f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"
        if known.get(name, [None])[0] != stamp:
            known[name] = [stamp, digest_file(path)]
        digests[name] = known[name][1]
    if known != memory:
        write_json(memory_path, known)
    return digests


def _reached(notebook: Path) -> set[Path]:
    found: set[Path] = set()
    for source in notebook_sources(notebook):
        if "import" in source:
            _follow(_parse(source), found)
    return found


def _parse(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except SyntaxError:  # a markdown cell that happens to hold the word
        return ast.Module([], [])


def _follow(tree: ast.AST, found: set[Path]) -> None:
    for name in _imported(tree):
        for path in _files(name):
            if path not in found:
                found.add(path)
                if path.suffix == ".py":
                    _follow(_module_tree(path), found)


def _imported(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("workbench"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("workbench"):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(name: str) -> list[Path]:
    parts = name.split(".")[1:]
    path = _PACKAGE.joinpath(*parts)
    if path.with_suffix(".py").is_file() and parts:
        return [path.with_suffix(".py"), *_data_files(_PACKAGE / parts[0])]
    if (path / "__init__.py").is_file():
        return [path / "__init__.py"]
    return []


@cache
def _data_files(folder: Path) -> list[Path]:
    """Templates and texts count as the code of the wing that holds them."""
    return [
        path for sub in ("templates", "texts") if (folder / sub).is_dir() for path in sorted((folder / sub).iterdir())
    ]


@cache
def _module_tree(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _file_digest(path: Path) -> str:
    return digest_file(path)


@cache
def _library_versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _LIBRARIES}


def stage_inputs(stage: str, digests: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of the tables a stage reads, of those that are there."""
    reads = set(STAGES[stage].reads)
    if reads & set(CANONICAL) and stage != _IDENTITY:
        reads.add("identities")  # the store joins them to every table that names a customer
    return {name: digests[name] for name in sorted(reads) if name in digests}
