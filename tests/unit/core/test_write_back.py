"""Rows are written to a database once per version, in one transaction; its URL is never shown."""

import datetime as dt

import ibis
import pandas as pd
import pytest
import sqlalchemy as sa

from workbench.core.errors import DataError, ProfileError
from workbench.core.write_back import write_back

ROWS = pd.DataFrame({"customer_id": ["00123", "𠮷"], "spend": [1.5, None], "on": [dt.date(2025, 1, 1)] * 2})


@pytest.fixture
def url(tmp_path, monkeypatch):
    address = f"sqlite:///{tmp_path / 'crm.db'}"
    monkeypatch.setenv("CRM", address)
    return address


def rows_of(url, table="audience_x"):
    with sa.create_engine(url).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(f"select * from {table} order by 1, 2"))]


def test_writing_twice_changes_nothing_and_other_versions_stay(url):
    rows = ibis.memtable(ROWS)
    assert write_back(rows, variable="CRM", table="audience_x", version="v1") == 2
    assert write_back(rows, variable="CRM", table="audience_x", version="v1") == 2
    assert write_back(rows, variable="CRM", table="audience_x", version="v2") == 2
    stored = rows_of(url)
    assert [row[:2] for row in stored] == [("v1", "00123"), ("v1", "𠮷"), ("v2", "00123"), ("v2", "𠮷")]
    assert [row[2] for row in stored] == [1.5, None, 1.5, None]


def test_a_table_with_other_columns_is_left_unchanged(url):
    with sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("create table audience_x (audience_version text, other text)"))
        connection.execute(sa.text("insert into audience_x values ('v1', 'kept')"))
    with pytest.raises(DataError, match="audience_x") as raised:
        write_back(ibis.memtable(ROWS), variable="CRM", table="audience_x", version="v1")
    assert "crm.db" not in str(raised.value)
    assert rows_of(url) == [("v1", "kept")]


@pytest.mark.parametrize(
    ("variable", "table", "message"),
    [("NOWHERE", "audience_x", "env:NOWHERE: not set"), ("CRM", "x; drop table y", "lower-case letters")],
)
def test_a_missing_url_or_an_invalid_table_name_is_refused(url, variable, table, message):
    with pytest.raises(ProfileError, match=message):
        write_back(ibis.memtable(ROWS), variable=variable, table=table, version="v1")


def test_an_invalid_url_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("CRM", "secret-password@nowhere")
    with pytest.raises(ProfileError, match="no database URL") as raised:
        write_back(ibis.memtable(ROWS), variable="CRM", table="audience_x", version="v1")
    assert "secret" not in str(raised.value)
