"""Whatever writes customer ids to a file or page outside the tables asks the one consent function."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src" / "workbench"
WRITERS = {  # module -> names that put customers into a file, a page or a database
    "workbench.run.services.actions.lists": {"write_lists", "write_to_database"},
    "workbench.core.exports": {"export_batches", "export_csv", "export_parquet", "export_xlsx"},
    "workbench.core.write_back": {"write_back"},
    "workbench.report.cards.customer": {"card_page", "card_pages", "card_values"},
    "workbench.report.lists.page": {"lists_page"},
}
ASKING = {
    "ConsentService",
    "CardService",  # its cards refuse customers who refused
    "CustomerLists",  # made of permitted customers alone
    "ContactRows",  # of a plan: made by permitted_rows, which asks
}


def imported(path):
    """Return the names a module imports, by module, those of functions included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        (node.module, alias.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def writes_customers(names):
    return any(name in WRITERS.get(module or "", ()) for module, name in names)


def asks(names):
    return any(name in ASKING for _, name in names)


WRITING = [path for path in sorted((SOURCE / "run").rglob("*.py")) if writes_customers(imported(path))]


def test_the_writers_of_the_outputs_are_seen():
    stems = {path.stem for path in WRITING}
    assert {"audiences", "segments", "scoring", "card", "explorer", "report", "lists", "exporting"} <= stems


@pytest.mark.parametrize("path", WRITING, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_that_writes_customers_asks_for_their_consent(path):
    assert asks(imported(path)), f"{path} writes customers; keep the permitted ones by ConsentService first"


def test_rows_to_contact_are_made_where_consent_is_asked_alone():
    makers = {
        path.stem
        for path in (SOURCE / "run").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "permitted_rows"
    }
    asking = (SOURCE / "run/services/actions/rows.py").read_text(encoding="utf-8")
    assert makers == {"exporting"} and "consent.verdicts(" in asking


@pytest.mark.parametrize("wing", ["core", "intake", "analysis", "report"])
def test_no_lower_wing_writes_customers_itself(wing):
    own = {"core/exports.py", "core/write_back.py", "report/cards/customer.py", "report/lists/page.py"}
    paths = [path for path in (SOURCE / wing).rglob("*.py") if path.relative_to(SOURCE).as_posix() not in own]
    assert [path for path in paths if writes_customers(imported(path))] == []


def test_a_writer_that_asks_nobody_is_caught(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("def f():\n    from workbench.core.exports import export_csv\n", encoding="utf-8")
    assert writes_customers(imported(planted)) and not asks(imported(planted))
