"""Declared repairs: one spelling, filled blanks, one row per key; every change is listed with its line."""

import ibis
import pytest

from workbench.core.errors import DataError
from workbench.core.params.sources import SourceParams
from workbench.intake.tables.declared_repairs import check_declarations, deduplicate, repair_cells

KINDS = {"customer_id": "id", "income": "category", "gender": "category", "age": "number"}


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


def people(engine, incomes, genders=None, ages=None):
    n = len(incomes)
    columns = {"customer_id": [f"C{at}" for at in range(n)], "income": incomes, "gender": genders or ["F"] * n,
               "age": ages or [30.0] * n, "_file": ["crm.csv"] * n, "_line": list(range(2, n + 2)),
               "_order": list(range(n))}  # fmt: skip
    schema = {"customer_id": "string", "income": "string", "gender": "string", "age": "float64", "_file": "string",
              "_line": "int64", "_order": "int64"}  # fmt: skip
    return engine.create_table("people", ibis.memtable(columns, schema=schema), overwrite=True)


def source(**declared):
    columns = {name: name for name in KINDS}
    return SourceParams(path="crm.csv", table="customers", columns=columns, **declared)


def cells(table, column):
    return [row[column] for row in table.order_by("_order").to_pyarrow().to_pylist()]


def test_the_median_of_numbers_kept_as_text_fills_their_blanks_and_is_listed(engine):
    repaired = repair_cells(
        engine, people(engine, ["100", None, "300", "20.5"]), source(impute={"income": "median"}), KINDS
    )
    assert cells(repaired.table, "income") == ["100", "100", "300", "20.5"]
    assert repaired.metrics == {"imputed.income": 1}
    assert repaired.changes.to_pyarrow().to_pylist() == [
        {"file": "crm.csv", "line": 3, "column": "income", "raw": None, "now": "100", "why": "imputed"}
    ]


def test_words_have_no_median_and_the_message_names_one(engine):
    with pytest.raises(DataError, match=r"2 values are no numbers, such as '>50k'.*mode, or a value"):
        repair_cells(engine, people(engine, [">50k", "100", "unknown"]), source(impute={"income": "median"}), KINDS)


def test_a_column_that_is_blank_throughout_stays_so(engine):
    repaired = repair_cells(engine, people(engine, [None, None]), source(impute={"income": "median"}), KINDS)
    assert cells(repaired.table, "income") == [None, None]
    assert repaired.changes is None


def test_of_two_modes_the_first_by_name_fills(engine):
    table = people(engine, ["1"] * 5, genders=["M", "F", None, "M", "F"])
    assert cells(repair_cells(engine, table, source(impute={"gender": "mode"}), KINDS).table, "gender")[2] == "F"


def test_spellings_are_standardised_before_blanks_are_filled(engine):
    table = people(engine, ["1"] * 4, genders=["女", "女性", "男", None])
    declared = source(standardise={"gender": {"女": "F", "女性": "F", "男": "M"}}, impute={"gender": "mode"})
    repaired = repair_cells(engine, table, declared, KINDS)
    assert cells(repaired.table, "gender") == ["F", "F", "M", "F"]
    assert repaired.metrics == {"standardised.gender": 3, "imputed.gender": 1}


def test_an_id_has_no_median_and_an_unknown_column_gets_the_nearest(engine):
    faults = check_declarations(source(impute={"customer_id": "median", "incme": "mode"}), KINDS)
    assert [str(fault) for fault in faults] == [
        "impute.incme: 'incme' is no column of this source. Did you mean 'income'?",
        "impute.customer_id: a column of kind id has no median. mode, or a value.",
    ]


def test_of_rows_with_one_key_the_latest_is_kept_and_conflicts_are_listed(engine):
    table = people(engine, ["1", "2", "2"], ages=[30.0, 50.0, 40.0]).mutate(customer_id=ibis.literal("C0"))
    kept, conflicts, metrics = deduplicate(
        engine, "crm", table, source(keep={"by": ["customer_id"], "rule": "latest", "latest_by": "age"})
    )
    assert cells(kept, "age") == [50.0]
    assert metrics == {"deduplicated": 2, "conflicting_keys": 1}
    listed = {row["column"]: row["different"] for row in conflicts.to_pyarrow().to_pylist()}
    assert listed == {"income": 2, "age": 3}


def test_rows_that_differ_are_refused_where_the_profile_says_so(engine):
    table = people(engine, ["1", "2"]).mutate(customer_id=ibis.literal("C0"))
    with pytest.raises(DataError, match="1 keys .customer_id. have rows that differ, the first on line 2"):
        deduplicate(engine, "crm", table, source(keep={"by": ["customer_id"], "rule": "refuse"}))
