"""Canonical tables: neighbours, repeats, rules, measures, counts."""

import datetime as dt
import os
from pathlib import Path

import ibis
import pytest

from workbench.core.errors import DataError
from workbench.core.params.sources import SourceParams
from workbench.intake.tables.canonical import take_in

PUBLIC = Path(os.environ.get("WORKBENCH_PUBLIC_DATA", Path(__file__).parents[4] / "shared" / "data"))
LINES = {"order_id": "o", "customer_id": "c", "ordered_at": "d", "quantity": "q", "unit_price": "p"}
HEADER = "o,c,d,q,p,s,n,k\n"


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=2)


def take(engine, tmp_path, files, sources, **more):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    params = {name: SourceParams(**settings) for name, settings in sources.items()}
    limits = {"date_min": dt.date(1900, 1, 2), "date_max": dt.date(2026, 1, 1)}
    return take_in(engine, params, root=tmp_path, scratch=tmp_path / "scratch", **limits, **more)


def rows(table):
    return table.to_pyarrow().to_pylist()


def orders(**more):
    return {"path": "o.csv", "table": "transactions", "columns": LINES, **more}


def test_neighbour_columns_make_products_and_customers_with_the_most_frequent_value(engine, tmp_path):
    lines = [
        "1,K1,2024-01-01,1,5,S1,Ring,CN", "2,K1,2024-01-02,1,5,S1,ring,FR", "3,K1,2024-01-03,1,5,S1,ring,FR",
        "4,K2,2024-01-04,1,5,S2,b,FR", "5,K2,2024-01-05,1,5,S2,a,CN", "6,,2024-01-06,1,5,S2,,DE",
    ]  # fmt: skip
    columns = LINES | {"product_id": "s", "product_name": "n", "country": "k"}
    intake = take(engine, tmp_path, {"o.csv": HEADER + "\n".join(lines)}, {"o": orders(columns=columns)})
    assert rows(intake.tables["products"]) == [
        {"product_id": "S1", "product_name": "ring"}, {"product_id": "S2", "product_name": "a"},
    ]  # fmt: skip
    assert rows(intake.tables["customers"]) == [
        {"customer_id": "K1", "country": "FR"}, {"customer_id": "K2", "country": "CN"},
    ]  # fmt: skip
    assert intake.metrics["products.kept_rows"] == 2
    assert {"country", "product_name"} & set(intake.tables["transactions"].columns) == set()


def test_neighbour_columns_fill_gaps_of_a_table_that_has_a_source_and_add_no_rows(engine, tmp_path):
    files = {
        "o.csv": HEADER + "1,K1,2024-01-01,1,5,S1,x,FR\n2,K2,2024-01-01,1,5,S1,x,FR\n3,K9,2024-01-01,1,5,S1,x,FR\n",
        "c.csv": "id,country\nK1,\nK2,CN\nK3,\n",
    }
    people = {"path": "c.csv", "table": "customers", "columns": {"customer_id": "id", "country": "country"}}
    intake = take(engine, tmp_path, files, {"c": people, "o": orders(columns=LINES | {"country": "k"})})
    assert [(row["customer_id"], row["country"]) for row in rows(intake.tables["customers"])] == [
        ("K1", "FR"), ("K2", "CN"), ("K3", None),
    ]  # fmt: skip


def test_first_row_of_a_customer_stays_and_later_rows_fill_its_gaps(engine, tmp_path):
    files = {"c.csv": "id,city,gender\nK1,Wuhan,\nK2,Xian,f\nK1,Beijing,m\nK2,Xian,f\n"}
    people = {
        "path": "c.csv",
        "table": "customers",
        "columns": {"customer_id": "id", "city": "city", "gender": "gender"},
    }
    intake = take(engine, tmp_path, files, {"c": people})
    assert rows(intake.tables["customers"]) == [
        {"customer_id": "K1", "city": "Wuhan", "gender": "m"}, {"customer_id": "K2", "city": "Xian", "gender": "f"},
    ]  # fmt: skip
    counts = {
        key: intake.metrics[f"customers.{key}"]
        for key in ("rows", "kept_rows", "duplicates", "repeated_ids", "conflicting_cells")
    }
    assert counts == {"rows": 4, "kept_rows": 2, "duplicates": 1, "repeated_ids": 2, "conflicting_cells": 1}


def test_rules_drop_and_count_in_order_and_null_is_not_true(engine, tmp_path):
    lines = ["1,K1,2024-01-01,1,5,,,", "C2,,2024-01-01,-1,5,,,", "3,K1,2024-01-01,1,0,,,", "4,,2024-01-01,2,7,,,"]
    rules = {"known": "customer_id = 'K1'", "priced": "unit_price > 0"}
    measures = {"sold": ["quantity > 0", "unit_price > 0"], "all": []}
    intake = take(engine, tmp_path, {"o.csv": HEADER + "\n".join(lines)}, {"o": orders(rules=rules, measures=measures)})
    expected = {
        "rows": 4, "kept_rows": 1, "rule.known": 2, "rule.priced": 1, "sold_rows": 2, "sold_customers": 1,
        "sold_amount": 19.0, "all_rows": 4, "no_customer": 2, "orders": 4, "amount_total": 14.0,
    }  # fmt: skip
    assert {key: intake.metrics[f"transactions.{key}"] for key in expected} == expected
    assert [row["order_id"] for row in rows(intake.tables["transactions"])] == ["1"]


def test_several_sources_feed_one_table_and_copies_between_them_count(engine, tmp_path):
    files = {
        "o.csv": HEADER + "1,K1,2024-01-01,1,5,,,\n",
        "p.csv": "o,c,d,q,p,x\n1,K1,2024-01-01,1,5,9\n2,K1,2024-01-02,1,5,9\n",
    }
    sources = {"web": orders(), "shop": orders(path="p.csv")}
    intake = take(engine, tmp_path, files, sources)
    assert intake.metrics["transactions.rows"] == 3
    assert intake.metrics["transactions.duplicates"] == 1
    assert intake.dropped == {"web": ["k", "n", "s"], "shop": ["x"]}


def test_sources_with_different_columns_meet_by_name(engine, tmp_path):
    files = {"o.csv": HEADER + "1,K1,2024-01-01,1,5,,,\n", "p.csv": "o,a,ch\n2,3.5,web\n"}
    shop = {"path": "p.csv", "table": "transactions", "columns": {"order_id": "o", "amount": "a", "channel": "ch"}}
    intake = take(engine, tmp_path, files, {"o": orders(), "p": shop})
    assert [(row["order_id"], row["channel"], str(row["amount"])) for row in rows(intake.tables["transactions"])] == [
        ("1", None, "5.0000"), ("2", "web", "3.5000"),
    ]  # fmt: skip


def test_rejects_of_all_sources_are_listed_together(engine, tmp_path):
    files = {
        "o.csv": HEADER + "1,K1,2024-01-01,1,5,,,\n2,K1\n",
        "p.csv": HEADER + "1,K1,soon,1,5,,,\n2,K1,2024-01-01,1,5,,,\n",
    }
    intake = take(engine, tmp_path, files, {"a": orders(), "b": orders(path="p.csv")})
    assert sorted((row["source"], row["line"], row["code"]) for row in rows(intake.rejects)) == [
        ("a", 3, "missing-cell"), ("b", 2, "date-invalid"),
    ]  # fmt: skip
    assert intake.rejects.columns == ("source", "file", "line", "column", "code", "raw")


def test_source_with_too_many_rejects_is_refused(engine, tmp_path):
    files = {"o.csv": HEADER + "1,K1,2024-01-01,1,5,,,\n2,K1\n3,K1\n"}
    with pytest.raises(DataError) as caught:
        take(engine, tmp_path, files, {"o": orders()}, max_rejected_share=0.5)
    assert str(caught.value) == (
        "sources.o: 2 of 3 records are rejected: missing-cell 2 (first in o.csv, line 3, column d). At most 50%"
        " (max_rejected_share). Declare its separator, or correct the lines, or raise 01_check_quality.max_rejected_share."
    )


def test_faults_of_all_sources_are_listed_at_once(engine, tmp_path):
    with pytest.raises(DataError) as caught:
        take(engine, tmp_path, {}, {"a": orders(), "b": orders(path="p.csv")})
    assert [fault.where for fault in caught.value.faults] == ["sources.a: o.csv", "sources.b: p.csv"]


def test_attribute_serves_a_rule_and_stays_out_of_a_closed_table(engine, tmp_path):
    files = {"o.csv": HEADER + "1,K1,2024-01-01,1,5,,,test\n2,K1,2024-01-01,1,5,,,\n"}
    source = orders(attributes={"kind": "k"}, rules={"real": "kind is null or kind != 'test'"})
    intake = take(engine, tmp_path, files, {"o": source})
    assert [row["order_id"] for row in rows(intake.tables["transactions"])] == ["2"]
    assert "kind" not in intake.tables["transactions"].columns


def test_order_of_lines_changes_no_count(engine, tmp_path):
    lines = [f"{at % 7},K{at % 3},2024-01-0{1 + at % 9},{at % 4},2.5,,," for at in range(30)]
    counts = []
    for name, file_lines in (("o.csv", lines), ("p.csv", lines[::-1])):
        (tmp_path / name).write_text(HEADER + "\n".join(file_lines))
        metrics = take(engine, tmp_path, {}, {"o": orders(path=name)}).metrics
        counts.append({key: value for key, value in metrics.items() if key.startswith("transactions")})
    assert counts[0] == counts[1]


def test_baskets_without_customer_or_money_are_a_table(engine, tmp_path):
    baskets = {"path": "b.csv", "table": "transactions", "columns": {"order_id": "o", "product_id": "s"}}
    intake = take(engine, tmp_path, {"b.csv": "o,s\n1,S1\n1,S2\n2,S1\n"}, {"b": baskets})
    assert intake.metrics["transactions.orders"] == 2
    assert intake.metrics["transactions.no_customer"] == 3
    assert intake.tables["transactions"].columns == ("order_id", "product_id")


def test_online_retail_gives_the_published_counts(engine, tmp_path):
    path = PUBLIC / "online_retail" / "online_retail.csv.gz"
    if not path.is_file():
        pytest.skip("online_retail.csv.gz is not in the public data folder")
    (tmp_path / path.name).symlink_to(path)
    columns = {
        "order_id": "InvoiceNo",
        "product_id": "StockCode",
        "product_name": "Description",
        "quantity": "Quantity",
    }
    columns |= {
        "ordered_at": "InvoiceDate",
        "unit_price": "UnitPrice",
        "customer_id": "CustomerID",
        "country": "Country",
    }
    measures = {
        "standard": ["customer_id is not null", "not order_id like 'C%'", "quantity > 0", "unit_price > 0"],
        "cancelled": ["order_id like 'C%'"],
        "bad_debt": ["order_id like 'A%'"],
    }
    source = {"path": path.name, "table": "transactions", "columns": columns, "measures": measures}
    metrics = take(engine, tmp_path, {}, {"orders": source}).metrics
    expected = {
        "orders.physical_records": 541_909, "orders.accepted": 541_909, "orders.rejected": 0,
        "transactions.rows": 541_909, "transactions.duplicates": 5_268, "transactions.no_customer": 135_080,
        "transactions.customers": 4_372, "transactions.orders": 25_900, "transactions.amount_total": 9_747_747.934,
        "transactions.first_ordered_at": "2010-12-01 08:26", "transactions.last_ordered_at": "2011-12-09 12:50",
        "transactions.cancelled_rows": 9_288, "transactions.bad_debt_rows": 3,
        "transactions.standard_rows": 397_884, "transactions.standard_customers": 4_338,
        "transactions.standard_amount": 8_911_407.904,
    }  # fmt: skip
    assert {key: metrics[key] for key in expected} == expected
