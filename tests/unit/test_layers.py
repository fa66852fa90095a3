"""The house rules of src/workbench: imports point one way, and some things live in one place alone."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "workbench"
WINGS = ("core", "intake", "analysis", "report", "run")  # each may import itself and those before it
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)

# what only these may import, by the path of the module or the name of the wing
OWNERS = {
    "mlflow": {"run/tracking/runs.py", "run/tracking/registry.py", "run/tracking/models.py"},
    "papermill": {"run/execute.py"},
    "nbclient": {"run/execute.py"},
    "nbconvert": {"report", "run"},
    "matplotlib": {"report"},
    "seaborn": {"report"},
    "zhplot": {"report"},
    "jinja2": {"report"},
    "pointblank": {"intake"},
    "yaml": {"core", "report/text.py", "report/notebook_words.py", "intake/guessing/words.py"},
    "typer": {"run/cli.py", "run/audience_cli.py", "run/card_cli.py", "run/segments_cli.py", "run/tags_cli.py"},
    "rich": {"run/terminal.py"},
    "filelock": {"run"},
    "pickle": set(),
    "joblib": set(),
    "cloudpickle": set(),
    "requests": {"intake/http_json.py"},
    "urllib": {
        "core",
        "report",
        "run/tracking/registry.py",
        "run/tracking/models.py",
        "intake/http_json.py",
        "intake/snapshots.py",
    },  # quoting, never fetching
    "socket": {"run"},
}
FROM_ANALYSIS = {"pathlib", "os", "shutil", "tempfile", "logging", "IPython", "nbformat", "duckdb", "subprocess"}
TABLE_WRITERS = {"to_parquet", "write_table", "write_parquet", "ParquetWriter"}
MAY_WRITE_PARQUET = {
    "core/store.py",
    "core/exports.py",  # what leaves the workbench
    "intake/datasets.py",  # demo data, before any source is read
    "intake/synthetic.py",
    "intake/jewellery/files.py",
    "intake/identity/people.py",  # private, between 01 and 02
    "intake/vault.py",
}
MAY_USE_SCRATCH = (
    "intake/raw_files",
    "intake/scratch",
    "intake/acceptance",
    "intake/text_files",
    "intake/sources",
    "intake/workbooks",
    "intake/json_records",
    "intake/databases",
    "intake/features/keep",
)  # private, before the store or on the way
TABLE_READERS = {"read_parquet", "read_csv", "read_table", "read_excel", "read_feather", "read_pickle"}


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def wing(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))


def imported(path: Path) -> Iterator[str]:
    """Yield every absolute module name a module imports, wherever in it; relative imports made absolute."""
    for node in nodes(path):
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


def test_there_are_five_wings_and_nothing_beside_them():
    found = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    assert found == set(WINGS)
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_one_way(path):
    allowed = WINGS[: WINGS.index(wing(path)) + 1]
    wrong = sorted({module for module in imported(path) if wing_of(module) not in (None, *allowed)})
    assert not wrong, f"{name(path)} is in {wing(path)}, which stands below what it imports: {wrong}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_are_absolute_so_that_the_code_digest_follows_them(path):
    assert not [node.lineno for node in nodes(path) if isinstance(node, ast.ImportFrom) and node.level]


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_imported_where_it_belongs_and_nowhere_else(library):
    users = {path for path in MODULES if library in {module.split(".")[0] for module in imported(path)}}
    strangers = sorted(name(path) for path in users if not {name(path), wing(path)} & OWNERS[library])
    assert not strangers, f"{library} belongs in {sorted(OWNERS[library])}"


def test_files_are_read_and_tables_written_without_pandas_which_is_slow_to_import():
    asked = "import sys, workbench.core.store, workbench.intake.sources as sources; print(sources.__file__, 'pandas' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(PACKAGE / "intake" / "sources.py"), "False"]


@pytest.mark.parametrize("path", [each for each in MODULES if wing(each) == "analysis"], ids=name)
def test_analysis_knows_no_paths_and_opens_no_files(path):
    assert not {module.split(".")[0] for module in imported(path)} & FROM_ANALYSIS
    calls = {node.func.id for node in nodes(path) if isinstance(node, ast.Call) and named(node.func)}
    assert not calls & {"open", "print", "input"}
    assert not attributes(path) & (TABLE_WRITERS | TABLE_READERS | {"to_csv", "to_excel", "to_pickle"})


def named(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


@cache
def attributes(path: Path) -> set[str]:
    return {node.attr for node in nodes(path) if isinstance(node, ast.Attribute)}


def may_write(path: Path) -> bool:
    """Say whether a module writes raw demo data or scratch files, which are no tables."""
    return name(path) in MAY_WRITE_PARQUET or name(path).startswith(MAY_USE_SCRATCH)


@pytest.mark.parametrize("path", [each for each in MODULES if not may_write(each)], ids=name)
def test_only_the_store_writes_tables(path):
    assert not attributes(path) & TABLE_WRITERS
    assert not [text for text in texts(path) if "FORMAT PARQUET" in text.upper()]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_the_store_and_the_intake_read_files_of_rows(path):
    if wing(path) != "intake" and name(path) != "core/store.py":
        assert not attributes(path) & TABLE_READERS


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_swallows_what_it_does_not_expect(path):
    handlers = [node for node in nodes(path) if isinstance(node, ast.ExceptHandler)]
    broad = [each for each in handlers if each.type is None or ast.unparse(each.type) in ("Exception", "BaseException")]
    swallowing = [each.lineno for each in broad if not isinstance(each.body[-1], ast.Raise)]
    assert not swallowing, f"{name(path)} catches everything and goes on, on lines {swallowing}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_data_is_never_checked_by_assert(path):
    assert not [node.lineno for node in nodes(path) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_yaml_and_models_are_never_loaded_as_objects(path):
    unsafe = {"unsafe_load", "full_load", "FullLoader", "UnsafeLoader", "read_pickle", "eval_js"}
    assert not attributes(path) & unsafe


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_opens_by_saying_what_it_is_for_and_lists_what_is_public(path):
    said = ast.get_docstring(tree(path))
    assert said
    assert said[0].isupper() or not said[0].isascii()
    if path.name != "__init__.py":
        assert "__all__" in {
            target.id
            for node in tree(path).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_public_function_and_class_has_a_docstring(path):
    public = [
        node
        for node in tree(path).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    ]
    assert not [node.name for node in public if not ast.get_docstring(node)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_is_named_for_nothing(path):
    assert path.stem not in {"utils", "helpers", "common", "misc", "tmp"}


def texts(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


# the rules themselves, shown to fire -------------------------------------------------------------


def test_a_relative_import_is_seen_as_what_it_is(tmp_path, monkeypatch):
    module = tmp_path / "core" / "deep" / "store.py"
    module.parent.mkdir(parents=True)
    module.write_text("from ...run import flow\nfrom . import near\nimport mlflow.entities\n", encoding="utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    found = set(imported(module))
    assert {"workbench.run", "workbench.run.flow", "workbench.core.deep.near", "mlflow.entities"} <= found
    assert wing_of("workbench.run.flow") == "run"
    assert wing_of("mlflow.entities") is None


BROKEN = {
    test_imports_point_one_way: "from workbench.report.plots import charts\n",
    test_imports_are_absolute_so_that_the_code_digest_follows_them: "from . import rfm\n",
    test_analysis_knows_no_paths_and_opens_no_files: "from pathlib import Path\n",
    test_only_the_store_writes_tables: "frame.to_parquet('a')\n",
    test_only_the_store_and_the_intake_read_files_of_rows: "pd.read_csv('a')\n",
    test_no_module_swallows_what_it_does_not_expect: "try:\n    go()\nexcept Exception:\n    pass\n",
    test_data_is_never_checked_by_assert: "assert len(frame)\n",
    test_yaml_and_models_are_never_loaded_as_objects: "yaml.unsafe_load(text)\n",
    test_a_module_opens_by_saying_what_it_is_for_and_lists_what_is_public: "x = 1\n",
    test_every_public_function_and_class_has_a_docstring: "def score():\n    return 1\n",
}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_a_module_that_breaks_a_rule_is_caught(rule, tmp_path, monkeypatch):
    module = tmp_path / "analysis" / "broken.py"
    module.parent.mkdir()
    module.write_text(BROKEN[rule], encoding="utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    with pytest.raises(AssertionError):
        rule(module)


def test_a_library_out_of_its_place_is_caught(tmp_path, monkeypatch):
    module = tmp_path / "analysis" / "broken.py"
    module.parent.mkdir()
    module.write_text("def log():\n    from mlflow import MlflowClient\n", encoding="utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    monkeypatch.setitem(globals(), "MODULES", [module])
    with pytest.raises(AssertionError, match="mlflow belongs in"):
        test_a_library_is_imported_where_it_belongs_and_nowhere_else("mlflow")
