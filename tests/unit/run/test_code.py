"""A notebook's result depends on exactly the modules, data files and libraries that it reaches."""

import json

import pytest

from workbench.run.keys import code
from workbench.run.keys.code import CodeIndex


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Replace the package by a small one."""
    root = tmp_path / "workbench"
    files = {
        "__init__.py": "",
        "analysis/__init__.py": "",
        "analysis/rfm.py": "import lifelines\nfrom workbench.core import errors\n",
        "analysis/unused.py": "x = 1\n",
        "analysis/noted.py": "if TYPE_CHECKING:\n    from workbench.analysis import unused\n",
        "core/__init__.py": "",
        "core/errors.py": "y = 1\n",
        "core/late.py": "z = 1\n",
        "report/__init__.py": "",
        "report/text.py": "def say():\n    from workbench.core import late\n    return 'page.css'\n",
        "report/templates/page.css": "p {}\n",
        "report/templates/other.css": "q {}\n",
        "report/texts/common.yaml": "a: 1\n",
        "run/stages/stage.py": "def start():\n    from workbench.run.tracking import runs\n",
        "run/tracking/runs.py": "import mlflow\n",
    }
    for name, text in files.items():
        write(root / name, text)
    monkeypatch.setattr(code, "_PACKAGE", root)
    code._data_files.cache_clear()
    yield root
    code._data_files.cache_clear()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def notebook(tmp_path, *sources):
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    path = tmp_path / "notebooks/05_score_rfm.ipynb"
    write(path, json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}))
    return path


def digest(path, index_file):
    code._data_files.cache_clear()
    index = CodeIndex(index_file)
    value = index.code_digest(path, index.reached_files(path))
    index.save()
    return value


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("analysis/rfm.py", True),
        ("core/errors.py", True),
        ("analysis/unused.py", False),
        ("report/text.py", False),
        ("report/texts/common.yaml", False),
    ],
)
def test_a_module_counts_only_if_the_notebook_reaches_it(tmp_path, package, name, counts):
    path = notebook(tmp_path, "from workbench.analysis.rfm import score_rfm\n")
    before = digest(path, tmp_path / "index.json")
    write(package / name, (package / name).read_text(encoding="utf-8") + "# more\n")
    assert (digest(path, tmp_path / "index.json") != before) is counts


@pytest.mark.parametrize(
    ("name", "counts"),
    [("core/late.py", True), ("report/templates/page.css", True), ("report/templates/other.css", False)],
)
def test_imports_inside_functions_and_files_named_in_a_module_count(tmp_path, package, name, counts):
    path = notebook(tmp_path, "from workbench.report.text import say\n")
    before = digest(path, tmp_path / "index.json")
    write(package / name, "changed = 2\n")
    assert (digest(path, tmp_path / "index.json") != before) is counts


def test_imports_for_annotations_and_tracking_do_not_count(tmp_path, package):
    index = CodeIndex(tmp_path / "index.json")
    path = notebook(tmp_path, "from workbench import start\nfrom workbench.analysis import noted\n")
    reached = {file.relative_to(package).as_posix() for file in index.reached_files(path)}
    assert reached == {"analysis/__init__.py", "analysis/noted.py", "run/stages/stage.py"}
    assert "mlflow" not in index.libraries(path, index.reached_files(path))


def test_modules_and_packages_beside_the_notebook_count(tmp_path, package):
    write(tmp_path / "notebooks/helpers/__init__.py", "from helpers import rates\n")
    write(tmp_path / "notebooks/helpers/rates.py", "RATE = 2\n")
    path = notebook(tmp_path, "import helpers\n")
    before = digest(path, tmp_path / "index.json")
    write(tmp_path / "notebooks/helpers/rates.py", "RATE = 3.5\n")
    assert digest(path, tmp_path / "index.json") != before


@pytest.mark.parametrize("name", ["__init__", "rates", "deep/__init__", "deep/fees"])
@pytest.mark.parametrize(
    "source",
    [
        "from helpers.deep import fees\n",
        "%matplotlib inline\nimport helpers.deep.fees\n",
        "x = !ls\nimport helpers.deep.fees\n",
    ],
)
def test_parent_packages_relative_imports_and_imports_beside_a_magic_count(tmp_path, package, name, source):
    files = {
        "__init__": "",
        "rates": "R = 2\n",
        "deep/__init__": "from . import fees\n",
        "deep/fees": "from ..rates import R\n",
    }
    for module, text in files.items():
        write(tmp_path / f"notebooks/helpers/{module}.py", text)
    path = notebook(tmp_path, source)
    before = digest(path, tmp_path / "index.json")
    write(tmp_path / f"notebooks/helpers/{name}.py", files[name] + "# more\n")
    assert digest(path, tmp_path / "index.json") != before


def test_a_line_that_only_looks_like_a_magic_hides_no_import(tmp_path, package):
    path = notebook(tmp_path, 'import helper\ntext = ("%d"\n    % helper.RATE)\n')
    write(tmp_path / "notebooks/helper.py", "RATE = 2\n")
    assert tmp_path / "notebooks/helper.py" in CodeIndex(tmp_path / "index.json").reached_files(path)


def test_a_change_of_the_notebook_itself_counts(tmp_path, package):
    before = digest(notebook(tmp_path, "x = 1\n"), tmp_path / "index.json")
    assert digest(notebook(tmp_path, "x = 2\n"), tmp_path / "index.json") != before


def test_a_markdown_cell_with_the_word_import_does_no_harm(tmp_path, package):
    assert digest(notebook(tmp_path, "What we import: everything, from everywhere!\n"), tmp_path / "index.json")


def test_modules_that_import_each_other_are_read_once(tmp_path, package):
    write(package / "core" / "errors.py", "from workbench.analysis import rfm\n")
    assert digest(notebook(tmp_path, "from workbench.analysis import rfm\n"), tmp_path / "index.json")


def test_libraries_are_the_imported_ones_and_their_dependencies(tmp_path, package):
    index = CodeIndex(tmp_path / "index.json")
    path = notebook(tmp_path, "from workbench.analysis.rfm import score_rfm\n")
    libraries = index.libraries(path, index.reached_files(path))
    assert {"python", "duckdb", "lifelines", "autograd", "pandas"} <= set(libraries)
    assert not {"shap", "mlflow", "pytest"} & set(libraries)


def test_a_saved_index_gives_the_same_digest_and_a_damaged_one_is_replaced(tmp_path, package):
    path = notebook(tmp_path, "from workbench.analysis.rfm import score_rfm\n")
    first = digest(path, tmp_path / "index.json")
    assert digest(path, tmp_path / "index.json") == first
    write(tmp_path / "index.json", "{half")
    assert digest(path, tmp_path / "index.json") == first


@pytest.mark.parametrize(
    ("stage", "library"),
    [
        ("01_check_quality", "pyarrow"),
        ("01_check_quality", "python-calamine"),
        ("08_predict_churn", "shap"),
        ("09_value_customers", "lifelines"),
        ("02_resolve_identity", "pypinyin"),
    ],
)
def test_the_libraries_of_the_stages_are_found(repository, tmp_path, stage, library):
    index = CodeIndex(tmp_path / "index.json")
    path = repository / f"notebooks/{stage}.ipynb"
    assert library in index.libraries(path, index.reached_files(path))
