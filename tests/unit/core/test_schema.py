"""The tables: one writer each, column kinds that the engine knows, contact columns marked."""

import re

import ibis
import pytest

from workbench.core.schema import CANONICAL, CONTACT_COLUMNS, KINDS, NEIGHBOURS, columns_of, ibis_type
from workbench.core.stages import STAGES, TABLES


def test_every_kind_is_a_type_the_engine_knows():
    for kind in KINDS:
        assert ibis.dtype(ibis_type(kind)) is not None


def test_money_is_exact_to_the_cent():
    assert ibis.dtype(ibis_type("money")) == ibis.dtype("decimal(18, 4)")


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_a_known_kind_and_a_unique_name(name):
    names = [column.name for column in TABLES[name].columns]
    assert len(names) == len(set(names))
    assert all(column.kind in KINDS for column in TABLES[name].columns)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", word) for word in (name, *names))


@pytest.mark.parametrize("name", TABLES)
def test_keys_and_dates_are_columns_of_their_table(name):
    table = TABLES[name]
    assert all(table.kind(key) for key in table.keys)
    assert not table.dated_by or table.kind(table.dated_by) == "timestamp"


def test_every_id_is_text():
    kinds = {column.kind for table in TABLES.values() for column in table.columns if column.name.endswith("_id")}
    assert kinds == {"id"}
    assert ibis_type("id") == "string"


def test_every_table_has_one_writer_that_is_a_stage():
    assert {table.writer for table in TABLES.values()} <= set(STAGES)
    written = [table for stage in STAGES.values() for table in stage.writes]
    assert sorted(written) == sorted(TABLES)


def test_a_stage_reads_only_what_lower_numbers_write():
    for stage in STAGES.values():
        needed = {name.removeprefix("sources.").split(".")[0] for group in stage.needs for name in group}
        for table in {*stage.reads, *needed}:
            assert TABLES[table].writer < stage.name, f"{stage.name} reads {table}"


def test_a_stage_says_which_needs_are_missing_and_what_they_would_unlock():
    rfm = STAGES["05_score_rfm"]
    assert rfm.lacks({"features", "transactions"}) == ("transactions.customer_id",)
    assert rfm.lacks({"features", "transactions", "transactions.customer_id"}) == ("transactions.amount",)
    columns = {"transactions.customer_id", "transactions.amount"}
    assert rfm.lacks({"transactions", "features", *columns}) is None
    for stage in STAGES.values():
        assert set(stage.question) == {"en", "zh"}
        assert not stage.needs or set(stage.unlocks) == {"en", "zh"}


def test_columns_of_leaves_out_contact_columns_by_default():
    assert not set(columns_of("customers")) & set(CONTACT_COLUMNS)
    assert set(CONTACT_COLUMNS) <= set(columns_of("customers", contact=True))


def test_only_customers_has_contact_columns():
    for name, table in TABLES.items():
        assert name == "customers" or not [column.name for column in table.columns if column.contact]


def test_a_source_of_orders_may_map_columns_of_neighbouring_tables():
    columns = columns_of("transactions", neighbours=True)
    assert columns["product_name"] == "text"
    assert columns["country"] == "category"
    assert "product_name" not in columns_of("transactions")
    for others in NEIGHBOURS.values():
        for other, names in others.items():
            assert all(CANONICAL[other].kind(name) for name in names)
