"""The code a notebook reaches: modules of ours, files beside it, data files of the package, libraries."""

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
_START = "workbench.run.stages.stage"  # what `from workbench import start` enters
_ENGINE = "duckdb"  # the engine behind Ibis, which no module of an analysis names
_NO_RESULT = ("workbench.run.tracking", "workbench.run.flows", "workbench.run.commands", "workbench.run.stages.by_hand")
_MAGIC = re.compile(r"^(\s*)(?:[%!]|[\w, ]*=\s*[%!]).*")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def notebook_sources(path: Path) -> list[str]:
    """Return the source of every cell of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = (cell["source"] for cell in cells)
    return [source if isinstance(source, str) else "".join(source) for source in sources]


class CodeIndex:
    """What every module imports and which data files it names; kept in a file, read anew where a module changed.

    Parameters
    ----------
    path : Path
        Where the index is kept; ``save`` writes it.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self.entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.entries = {}
        self._changed = False
        self._current: dict[str, Any] = {}
        self._places: dict[tuple[str, Path], list[Path]] = {}

    def save(self) -> None:
        """Write the index where something was read anew."""
        if self._changed:
            write_json(self.path, self.entries)
            self._changed = False

    def reached_files(self, notebook: Path) -> list[Path]:
        """Return every file a notebook's result depends on as code, itself left out.

        Parameters
        ----------
        notebook : Path

        Returns
        -------
        list of Path
            Modules of the package that it reaches by imports, also by those inside functions, never by those for
            annotations alone; modules and packages beside the notebook; data files of the package (templates, style
            sheets) whose names stand as text in one of these modules. Texts are followed one by one as they are read,
            and what publishes and tracks changes no result: both are left out.
        """
        reached: set[Path] = set()
        beside = notebook.parent
        waiting = [(name, beside) for name in self.entry(notebook)["imports"]]
        while waiting:
            for path in self._files_of(*waiting.pop()):
                if path not in reached:
                    reached.add(path)
                    waiting += [_placed(name, path, beside) for name in self.entry(path)["imports"]]
        named = {name for path in reached for name in self.entry(path)["names"]}
        return sorted(reached | {path for name in named for path in _data_files().get(name, ())})

    def code_digest(self, notebook: Path, files: Iterable[Path]) -> str:
        """Digest a notebook's cells and the files it reaches."""
        root = notebook.parent.parent
        named = {_shown(path, root): self.entry(path)["digest"] for path in files}
        return digest_json([notebook_sources(notebook), named])

    def libraries(self, notebook: Path, files: Iterable[Path]) -> dict[str, str]:
        """Return the version of every library that the notebook and its modules import, and of what these need."""
        names = {_ENGINE, *self.entry(notebook)["imports"]}
        names |= {name for path in files for name in self.entry(path)["imports"]}
        tops = {name.split(".")[0] for name in names} - sys.stdlib_module_names
        owners = self._owners()
        direct = {name for top in tops for name in owners.get(top, ()) if name != _OURS}
        versions = {"python": ".".join(map(str, sys.version_info[:2]))}
        return versions | {name: _version(name) for name in sorted(_with_needs(direct))}

    def folder_digest(self, folder: Path) -> str:
        """Digest every module and data file of a folder of the package, with those below it."""
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

    def _files_of(self, name: str, beside: Path) -> list[Path]:
        if (name, beside) not in self._places:
            self._places[name, beside] = _files(name, beside)
        return self._places[name, beside]

    def _owners(self) -> dict[str, list[str]]:
        """Map the name of an import to the distributions that hold it."""
        places = [Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")]
        stamp = [place.stat().st_mtime_ns for place in places]
        kept = self.entries.get("distributions", {})
        if kept.get("stamp") != stamp:
            owners = {top: sorted(set(names)) for top, names in importlib.metadata.packages_distributions().items()}
            kept = self.entries["distributions"] = {"stamp": stamp, "owners": owners}
            self._changed = True
        return kept["owners"]


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


def _files(name: str, beside: Path) -> list[Path]:
    """Return the file of a module of the package, or of one that lies beside the notebook."""
    parts = name.split(".")
    if parts == ["workbench"] or name.startswith(_NO_RESULT):
        return []
    if parts[0] == "workbench":
        return _file(_PACKAGE.joinpath(*parts[1:]))
    packages = [beside.joinpath(*parts[:length]) for length in range(1, len(parts))]  # they are imported, too
    return [path for place in (*packages, beside.joinpath(*parts)) for path in _file(place)]


def _file(place: Path) -> list[Path]:
    """Return the file of a module or a package that lies at a place."""
    found = (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())
    return [path] if (path := next(found, None)) else []


def _placed(name: str, path: Path, beside: Path) -> tuple[str, Path]:
    """Return a name that a module imports, and the folder it is sought in: that of its package where it has dots."""
    dots = len(name) - len(name.lstrip("."))
    return (name.lstrip("."), path.parents[dots - 1]) if dots else (name, beside)


def _imports_of_cell(source: str) -> list[str]:
    if "import" not in source:
        return []
    for text in (source, _without_magics(source)):
        with suppress(SyntaxError):
            return _imports(ast.parse(text))
    return []  # a markdown cell that happens to hold the word


def _without_magics(source: str) -> str:
    """Return the lines of a cell that are Python: a magic (%matplotlib, !ls) hides no import beside it."""
    return "".join(_MAGIC.sub(r"\1pass", line) for line in source.splitlines(keepends=True))


def _imports(tree: ast.AST) -> list[str]:
    """Return the modules, and names in modules, that a tree imports when it runs."""
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
    """Map the name of every data file of the package, texts aside, to the places where one lies."""
    files: dict[str, list[Path]] = {}
    for path in sorted(_PACKAGE.rglob("*")):
        if path.suffix not in (".py", ".pyc") and path.parent.name != "texts" and path.is_file():
            files.setdefault(path.name, []).append(path)
    return files


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(_PACKAGE if path.is_relative_to(_PACKAGE) else root).as_posix()


def _with_needs(names: Iterable[str]) -> set[str]:
    """Return installed distributions and all that they need, by their normal names."""
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in reached and (needs := _needs(name)) is not None:
            reached.add(name)
            waiting += needs
    return reached


@cache
def _needs(name: str) -> tuple[str, ...] | None:
    """Return what a distribution needs without extras; None where it is not installed."""
    try:
        requires = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return tuple(_NAME.match(need)[0] for need in requires if "extra ==" not in need)


@cache
def _version(name: str) -> str:
    return importlib.metadata.version(name)
