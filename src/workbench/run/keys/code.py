"""The code that a notebook depends on: package modules, modules in its folder, data files, libraries."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import workbench
from workbench.core.files import digest_file, digest_json, write_json

__all__ = ["CodeIndex", "notebook_sources"]

_PACKAGE = Path(workbench.__file__).parent
_OURS = "customer-portrait-workbench"
_START = "workbench.run.stages.stage"  # the module behind `from workbench import start`
_ENGINE = "duckdb"  # the engine behind Ibis; analysis modules do not import it
_NO_RESULT = ("workbench.run.tracking", "workbench.run.flows", "workbench.run.commands", "workbench.run.stages.by_hand")
_MAGIC = re.compile(r"^(\s*)(?:[%!]|[\w, ]*=\s*[%!]).*")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def notebook_sources(path: Path) -> list[str]:
    """Return the source of every cell of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = (cell["source"] for cell in cells)
    return [source if isinstance(source, str) else "".join(source) for source in sources]


class CodeIndex:
    """An index of imports and data files per module, cached in a file and updated when a module changes.

    Parameters
    ----------
    path : Path
        The cache file; ``save`` writes it.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.entries = {}
        self._changed = False
        self._current: dict[str, Any] = {}
        self._files: dict[tuple[str, Path], list[Path]] = {}
        self._reached: dict[Path, list[Path]] = {}

    def save(self) -> None:
        """Write the index if anything in it changed."""
        if self._changed:
            write_json(self.path, self.entries)
            self._changed = False

    def reached_files(self, notebook: Path) -> list[Path]:
        """Return every code file that a notebook's result depends on, except the notebook.

        Parameters
        ----------
        notebook : Path

        Returns
        -------
        list of Path
            Package modules reached by imports, also inside functions, but not by imports for annotations only; modules
            and packages in the notebook's folder; package data files (templates, style sheets) whose names are string
            constants in one of these modules. Texts are left out, since they are recorded when they are read; so are
            modules that publish and track, since they do not change results. Files are read once, so later calls
            return the same list.
        """
        if notebook not in self._reached:
            self._reached[notebook] = self._follow_imports(notebook)
        return self._reached[notebook]

    def _follow_imports(self, notebook: Path) -> list[Path]:
        reached: set[Path] = set()
        folder = notebook.parent
        pending = [(name, folder) for name in self.entry(notebook)["imports"]]
        while pending:
            for path in self._files_of(*pending.pop()):
                if path not in reached:
                    reached.add(path)
                    pending += [_resolved(name, path, folder) for name in self.entry(path)["imports"]]
        named = {name for path in reached for name in self.entry(path)["names"]}
        return sorted(reached | {path for name in named for path in _data_files().get(name, ())})

    def code_digest(self, notebook: Path, files: Iterable[Path]) -> str:
        """Return the digest of a notebook's cells and of the files it depends on."""
        root = notebook.parent.parent
        digests = {_relative(path, root): self.entry(path)["digest"] for path in files}
        return digest_json([notebook_sources(notebook), digests])

    def libraries(self, notebook: Path, files: Iterable[Path]) -> dict[str, str]:
        """Return the version of every library that the notebook and its modules import, and of their dependencies."""
        names = {_ENGINE, *self.entry(notebook)["imports"]}
        names |= {name for path in files for name in self.entry(path)["imports"]}
        tops = {name.split(".")[0] for name in names} - sys.stdlib_module_names
        owners = self._owners()
        direct = {name for top in tops for name in owners.get(top, ()) if name != _OURS}
        versions = {"python": ".".join(map(str, sys.version_info[:2]))}
        return versions | {name: _version(name) for name in sorted(_with_dependencies(direct))}

    def folder_digest(self, folder: Path) -> str:
        """Return the digest of all modules and data files in a folder of the package, recursively."""
        files = (path for path in sorted(folder.rglob("*")) if path.suffix != ".pyc" and path.is_file())
        return digest_json({path.relative_to(folder).as_posix(): self.entry(path)["digest"] for path in files})

    def entry(self, path: Path) -> dict[str, Any]:
        """Return digest, imports and named data files of one file."""
        name = str(path)
        if name not in self._current:
            status = path.stat()
            stamp = f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"
            if self.entries.get(name, {}).get("stamp") != stamp:
                self.entries[name] = {"stamp": stamp, **_read(path)}
                self._changed = True
            self._current[name] = self.entries[name]
        return self._current[name]

    def _files_of(self, name: str, folder: Path) -> list[Path]:
        if (name, folder) not in self._files:
            self._files[name, folder] = _files(name, folder)
        return self._files[name, folder]

    def _owners(self) -> dict[str, list[str]]:
        """Map the top-level name of an import to its distributions."""
        folders = [Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")]
        stamp = [folder.stat().st_mtime_ns for folder in folders]
        cached = self.entries.get("distributions", {})
        if cached.get("stamp") != stamp:
            owners = {top: sorted(set(names)) for top, names in importlib.metadata.packages_distributions().items()}
            cached = self.entries["distributions"] = {"stamp": stamp, "owners": owners}
            self._changed = True
        return cached["owners"]


def _read(path: Path) -> dict[str, Any]:
    digest = digest_file(path)
    if path.suffix == ".ipynb":
        imports = {name for source in notebook_sources(path) for name in _imports_of_cell(source)}
        return {"digest": digest, "imports": sorted(imports), "names": []}
    if path.suffix != ".py":
        return {"digest": digest, "imports": [], "names": []}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    names = sorted(value for value in constants if isinstance(value, str) and value in _data_files())
    return {"digest": digest, "imports": _imports(tree), "names": names}


def _files(name: str, folder: Path) -> list[Path]:
    """Return the file of a module in the package, or in the folder of the notebook."""
    parts = name.split(".")
    if parts == ["workbench"] or name.startswith(_NO_RESULT):
        return []
    if parts[0] == "workbench":
        return _file(_PACKAGE.joinpath(*parts[1:]))
    packages = [folder.joinpath(*parts[:length]) for length in range(1, len(parts))]  # imported with the module
    return [path for place in (*packages, folder.joinpath(*parts)) for path in _file(place)]


def _file(base: Path) -> list[Path]:
    """Return the file of the module or package at a path without ending."""
    candidates = (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())
    return [path] if (path := next(candidates, None)) else []


def _resolved(name: str, path: Path, folder: Path) -> tuple[str, Path]:
    """Return an imported name and the folder to search; for a relative import the folder of its package."""
    dots = len(name) - len(name.lstrip("."))
    return (name.lstrip("."), path.parents[dots - 1]) if dots else (name, folder)


def _imports_of_cell(source: str) -> list[str]:
    if "import" not in source:
        return []
    for text in (source, _without_magics(source)):
        with suppress(SyntaxError):
            return _imports(ast.parse(text))
    return []  # a markdown cell with the word "import"


def _without_magics(source: str) -> str:
    """Replace magics (%matplotlib, !ls) in a cell, so that the other lines can be parsed."""
    return "".join(_MAGIC.sub(r"\1pass", line) for line in source.splitlines(keepends=True))


def _imports(tree: ast.AST) -> list[str]:
    """Return the modules, and names in modules, that a tree imports at run time."""
    names: set[str] = set()
    for node in _at_run_time(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            within = module if module.endswith(".") else f"{module}."
            names |= {module, *(within + alias.name for alias in node.names)}
    return sorted(_START if name == "workbench.start" else name for name in names)


def _at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            yield child
            yield from _at_run_time(child)


@cache
def _data_files() -> dict[str, list[Path]]:
    """Map the name of every data file of the package, except texts, to its paths."""
    files: dict[str, list[Path]] = {}
    for path in sorted(_PACKAGE.rglob("*")):
        if path.suffix not in (".py", ".pyc") and path.parent.name != "texts" and path.is_file():
            files.setdefault(path.name, []).append(path)
    return files


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(_PACKAGE if path.is_relative_to(_PACKAGE) else root).as_posix()


def _with_dependencies(names: Iterable[str]) -> set[str]:
    """Return installed distributions and all their dependencies, by normalized name."""
    reached: set[str] = set()
    pending = list(names)
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name not in reached and (dependencies := _dependencies(name)) is not None:
            reached.add(name)
            pending += dependencies
    return reached


@cache
def _dependencies(name: str) -> tuple[str, ...] | None:
    """Return the dependencies of a distribution without extras; None if it is not installed."""
    try:
        requires = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    names = (_NAME.match(requirement) for requirement in requires if "extra ==" not in requirement)
    return tuple(name[0] for name in names if name)


@cache
def _version(name: str) -> str:
    return importlib.metadata.version(name)
