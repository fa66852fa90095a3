"""The rules of src/workbench: imports point one way, rooms stay small, some things are done in one place only."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "workbench"
WINGS = ("core", "intake", "analysis", "report", "run")  # a wing may import itself and those before it
LONGEST_CHAIN = 11  # modules on the longest chain of imports, both ends counted
MOST_IN_A_ROOM = 16  # loose files of a folder
LARGER_ROOMS = {"intake/demo/jewellery": 20}  # one made-up retailer, file by file

# library: the modules, rooms or wings that may import it
OWNERS = {
    "mlflow": {"run/tracking"},
    "papermill": {"run/flows/execute.py"},
    "nbclient": {"run/flows/execute.py"},
    "nbconvert": {"report", "run"},
    "matplotlib": {"report"},
    "seaborn": {"report"},
    "zhplot": {"report"},
    "jinja2": {"report"},
    "pointblank": {"intake"},
    "yaml": {"core", "report/text_files.py", "intake/guessing/headers/words.py"},
    "typer": {"run/commands"},
    "rich": {"run/terminal/printing.py"},
    "filelock": {"run"},
    "pickle": set(),
    "joblib": set(),
    "cloudpickle": set(),
    "requests": {"intake/remote/http_json.py"},
    "urllib": {"core", "report", "run/tracking", "intake/remote"},  # quoting, never fetching
    "socket": {"run"},
}
FROM_ANALYSIS = {"pathlib", "os", "shutil", "tempfile", "logging", "IPython", "nbformat", "duckdb", "subprocess"}
TABLE_WRITERS = {"to_parquet", "write_table", "write_parquet", "ParquetWriter"}
TABLE_READERS = {"read_parquet", "read_csv", "read_table", "read_excel", "read_feather", "read_pickle"}
MAY_WRITE_PARQUET = (
    "core/store/",
    "core/exports.py",  # files that leave the workbench
    "intake/demo/",  # demo data, before any source is read
    "intake/identity/people.py",  # private, between 01 and 02
    "intake/identity/vault.py",
    "intake/reading/",  # private scratch files
    "intake/remote/databases.py",
    "intake/casting/acceptance.py",
    "intake/tables/sources.py",
    "intake/features/keep.py",
    "intake/features/inputs/keep.py",
)
MEANINGLESS = {"utils", "helpers", "common", "misc", "tmp"}


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def wing(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def room(path: Path) -> str:
    return path.parent.relative_to(PACKAGE).as_posix()


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))


def imported(path: Path, subset: tuple[ast.AST, ...] | None = None) -> Iterator[str]:
    """Yield every module that a module imports, inside functions too; relative imports are made absolute."""
    for node in nodes(path) if subset is None else subset:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ["workbench", *path.relative_to(PACKAGE).parts[: -node.level]] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def wing_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "workbench" and len(parts) > 1 and parts[1] in WINGS else None


# the graph of imports -----------------------------------------------------------------------------


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(["workbench", *(parts[:-1] if parts[-1] == "__init__" else parts)])


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module except those under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from at_run_time(child)


def import_graph() -> dict[str, set[str]]:
    """Return the modules of the package that each module imports at run time, inside functions too."""
    paths = {dotted(path): path for path in modules()}
    reached = {
        module: {target for target in imported(path, tuple(at_run_time(tree(path)))) if target in paths}
        for module, path in paths.items()
    }
    return {module: targets - {module} for module, targets in reached.items()}


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules that remain after modules without imports are removed step by step."""
    remaining = {module: set(targets) for module, targets in graph.items()}
    while leaves := [module for module, targets in remaining.items() if not targets & remaining.keys()]:
        for module in leaves:
            del remaining[module]
    return sorted(remaining)


def longest_chain(graph: Mapping[str, set[str]]) -> list[str]:
    @cache
    def chain(module: str) -> tuple[str, ...]:
        return (module, *max((chain(target) for target in graph[module]), key=len, default=()))

    return list(max((chain(module) for module in graph), key=len))


def rooms_of(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    home = {dotted(path): room(path) for path in modules()}
    rooms: dict[str, set[str]] = {where: set() for where in home.values()}
    for module, targets in graph.items():
        rooms[home[module]] |= {home[target] for target in targets} - {home[module]}
    return rooms


def test_there_are_only_the_five_wings():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    assert folders == set(WINGS)
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


def test_no_module_and_no_room_imports_itself_indirectly():
    graph = import_graph()
    assert not circles(graph)
    assert not circles(rooms_of(graph))


def test_no_chain_of_imports_is_too_long():
    chain = longest_chain(import_graph())
    assert len(chain) <= LONGEST_CHAIN, " > ".join(chain)


def test_no_room_is_crowded():
    counted = Counter(room(path) for path in modules() if path.name != "__init__.py")
    crowded = {where: n for where, n in counted.items() if n > LARGER_ROOMS.get(where, MOST_IN_A_ROOM)}
    assert not crowded


# one rule, all modules ----------------------------------------------------------------------------


def imports_of_higher_wings(path: Path) -> list[str]:
    allowed = WINGS[: WINGS.index(wing(path)) + 1]
    return sorted({module for module in imported(path) if wing_of(module) not in (None, *allowed)})


def relative_imports(path: Path) -> list[int]:
    return [node.lineno for node in nodes(path) if isinstance(node, ast.ImportFrom) and node.level]


def files_in_analysis(path: Path) -> set[str]:
    if wing(path) != "analysis":
        return set()
    libraries = {module.split(".")[0] for module in imported(path)} & FROM_ANALYSIS
    calls = {node.func.id for node in nodes(path) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    writing = attributes(path) & (TABLE_WRITERS | TABLE_READERS | {"to_csv", "to_excel", "to_pickle"})
    return libraries | (calls & {"open", "print", "input"}) | writing


def tables_written(path: Path) -> list[str]:
    if name(path).startswith(MAY_WRITE_PARQUET):
        return []
    return [*attributes(path) & TABLE_WRITERS, *(text for text in texts(path) if "FORMAT PARQUET" in text.upper())]


def tables_read(path: Path) -> set[str]:
    readers = wing(path) == "intake" or name(path).startswith("core/store/")
    return set() if readers else attributes(path) & TABLE_READERS


def swallowing_handlers(path: Path) -> list[int]:
    handlers = [node for node in nodes(path) if isinstance(node, ast.ExceptHandler)]
    broad = [node for node in handlers if not node.type or ast.unparse(node.type) in ("Exception", "BaseException")]
    return [node.lineno for node in broad if not isinstance(node.body[-1], ast.Raise)]


def asserts(path: Path) -> list[int]:
    return [node.lineno for node in nodes(path) if isinstance(node, ast.Assert)]


def unsafe_loading(path: Path) -> set[str]:
    return attributes(path) & {"unsafe_load", "full_load", "FullLoader", "UnsafeLoader", "read_pickle", "eval_js"}


def missing_introduction(path: Path) -> list[str]:
    docstring = ast.get_docstring(tree(path)) or " "
    assigned = [target for node in tree(path).body if isinstance(node, ast.Assign) for target in node.targets]
    names = {target.id for target in assigned if isinstance(target, ast.Name)}
    faults = [] if docstring[0].isupper() or not docstring[0].isascii() else ["no docstring"]
    return faults if path.name == "__init__.py" or "__all__" in names else [*faults, "no __all__"]


def undocumented(path: Path) -> list[str]:
    definitions = [node for node in tree(path).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return [node.name for node in definitions if not node.name.startswith("_") and not ast.get_docstring(node)]


def meaningless_name(path: Path) -> list[str]:
    return [path.stem] if path.stem in MEANINGLESS else []


def misplaced_libraries(path: Path) -> list[str]:
    libraries = {module.split(".")[0] for module in imported(path)}
    homes = (name(path), *map(str, Path(name(path)).parents))
    return sorted(library for library in libraries & OWNERS.keys() if not OWNERS[library] & set(homes))


@cache
def attributes(path: Path) -> set[str]:
    return {node.attr for node in nodes(path) if isinstance(node, ast.Attribute)}


def texts(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


# rule: a module of analysis that breaks it
RULES = {
    imports_of_higher_wings: "from workbench.report.plots import charts\n",
    relative_imports: "from . import rfm\n",
    files_in_analysis: "from pathlib import Path\n",
    tables_written: "frame.to_parquet('a')\n",
    tables_read: "pd.read_csv('a')\n",
    swallowing_handlers: "try:\n    go()\nexcept Exception:\n    pass\n",
    asserts: "assert len(frame)\n",
    unsafe_loading: "yaml.unsafe_load(text)\n",
    missing_introduction: "x = 1\n",
    undocumented: "def score():\n    return 1\n",
    misplaced_libraries: "def log():\n    from mlflow import MlflowClient\n",
    meaningless_name: "",
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule):
    broken = {name(path): faults for path in modules() if (faults := rule(path))}
    assert not broken


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_module_that_breaks_a_rule_is_caught(rule, tmp_path, monkeypatch):
    module = tmp_path / "analysis" / ("helpers.py" if rule is meaningless_name else "broken.py")
    module.parent.mkdir()
    module.write_text(RULES[rule], encoding="utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    assert rule(module)


def test_a_relative_import_is_resolved(tmp_path, monkeypatch):
    module = tmp_path / "core" / "deep" / "store.py"
    module.parent.mkdir(parents=True)
    module.write_text("from ...run import flow\nfrom . import near\nimport mlflow.entities\n", encoding="utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    names = set(imported(module))
    assert {"workbench.run", "workbench.run.flow", "workbench.core.deep.near", "mlflow.entities"} <= names
    assert wing_of("workbench.run.flow") == "run"
    assert wing_of("mlflow.entities") is None


def test_circles_and_chains_are_detected(tmp_path, monkeypatch):
    files = {"core/a.py": "def f():\n    from workbench.intake import b\n", "intake/b.py": "import workbench.core.a\n"}
    for path, source in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(source, encoding="utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    graph = import_graph()
    assert circles(graph) == ["workbench.core.a", "workbench.intake.b"]
    assert circles(rooms_of(graph)) == ["core", "intake"]
    assert longest_chain({"a": {"b"}, "b": {"c"}, "c": set()}) == ["a", "b", "c"]


def test_imports_only_for_annotations_do_not_count(tmp_path, monkeypatch):
    (tmp_path / "core").mkdir()
    (tmp_path / "core/a.py").write_text("if TYPE_CHECKING:\n    from workbench.core import b\n", encoding="utf-8")
    (tmp_path / "core/b.py").write_text("", encoding="utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    assert import_graph() == {"workbench.core.a": set(), "workbench.core.b": set()}


def test_reading_files_and_writing_tables_does_not_import_pandas():
    code = "import sys, workbench.core.store.tables, workbench.intake.tables.sources as sources; print(sources.__file__, 'pandas' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    process = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert process.stdout.split() == [str(PACKAGE / "intake" / "tables" / "sources.py"), "False"]
