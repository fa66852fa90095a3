"""The table in tests/corpus/README.md names an existing file or test for every fault."""

import ast
import re
from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).parents[2]
CORPUS = TESTS / "corpus"
VERDICTS = yaml.safe_load((CORPUS / "verdicts.yaml").read_text(encoding="utf-8"))
CATALOGUE = range(1, 46)
OPEN: set[int] = set()


def table_rows(columns):
    """Return the rows of the README's table with a number of columns, without its header."""
    lines = [line for line in (CORPUS / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if len(row) == columns and not set(row[0]) <= {"-"} and row[0] not in ("row", "file")]


def named(cell):
    return re.findall(r"`([^`]+)`", cell)


def functions_of(path):
    return {node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if hasattr(node, "name")}


ROWS = {int(row[0]): named(row[3]) for row in table_rows(4)}
BEYOND = {name for row in table_rows(2) for name in named(row[0])}


def test_every_fault_has_its_row_in_order():
    assert [int(row[0]) for row in table_rows(4)] == list(CATALOGUE)
    assert {row for row, names in ROWS.items() if not names} == OPEN
    assert {int(row[0]) for row in table_rows(4) if row[2] == "open"} == OPEN


@pytest.mark.parametrize("row", ROWS)
def test_the_files_and_tests_of_a_row_exist(row):
    for name in ROWS[row]:
        path, _, function = name.partition("::")
        if function:
            assert function in functions_of(TESTS / path), name
        else:
            assert name in VERDICTS, name


def test_every_file_is_named_once():
    names = [name for names in ROWS.values() for name in names if "::" not in name]
    assert sorted([*names, *BEYOND]) == sorted(VERDICTS)
