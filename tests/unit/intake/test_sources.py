"""Sources: files are found, headers match, records are counted, by either reader."""

import datetime as dt
import random

import ibis
import pandas as pd
import pytest

from workbench.core.errors import DataError
from workbench.core.params.sources import SourceParams
from workbench.intake.reading.text import raw_files
from workbench.intake.reading.text.text_files import read_head
from workbench.intake.reading.text.text_scan import scan_text
from workbench.intake.tables.sources import check_source, find_files, read_source

DATES = (dt.date(1900, 1, 2), dt.date(2026, 1, 1))
ORDERS = {"order_id": "No", "customer_id": "Who", "ordered_at": "When", "amount": "Sum"}
HEADER = "No,Who,When,Sum\n"


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=2)


def source(path="orders.csv", columns=None, **more):
    return SourceParams(**{"path": path, "table": "transactions", "columns": columns or ORDERS, **more})


def read(engine, tmp_path, content, name="orders.csv", **more):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_source(engine, "s", source(name, **more), root=tmp_path, scratch=tmp_path / "scratch", dates=DATES)


def rows(parsed):
    return parsed.table.order_by("_order").to_pyarrow().to_pylist()


def faults(tmp_path, declared):
    return "\n".join(map(str, check_source(declared, tmp_path)))


def test_all_faults_of_a_source_are_listed_at_once(tmp_path):
    (tmp_path / "orders.csv").write_text("No,Wo,When,When\n")
    message = faults(tmp_path, source(rules={"paid": "amont > 0"}, formats={"dates": "YYYY"}))
    assert "formats.dates: 'YYYY' is no date pattern" in message
    assert "names 'When' more than once" in message
    assert "column 'Who' (mapped to customer_id) is not in the header. Did you mean 'Wo'?" in message
    assert "column 'Sum' (mapped to amount) is not in the header" in message
    assert "holds a header and no record" in message
    assert "rules.paid: unknown column 'amont' in amont > 0. Did you mean 'amount'?" in message


def test_meanings_of_a_column_that_is_no_yes_or_no_are_refused(tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + "1,K,2024-01-01,5\n")
    message = faults(tmp_path, source(formats={"means_yes": {"status": ["Closed"]}}))
    assert message == "formats.means_yes: 'status' is no yes-or-no column of this source. none has one."
    (tmp_path / "states.csv").write_text("id,state\n1,Closed\n2,Active\n")
    labels = {"path": "states.csv", "table": "labels", "columns": {"customer_id": "id", "label": "state"}}
    assert faults(tmp_path, SourceParams(**labels, formats={"means_yes": {"label": ["Closed"]}})) == ""
    second_message = faults(tmp_path, SourceParams(**labels, formats={"means_yes": {"state": ["Closed"]}}))
    assert second_message == "formats.means_yes: 'state' is no yes-or-no column of this source. label."


def test_a_status_becomes_a_label(engine, tmp_path):
    (tmp_path / "states.csv").write_text("id,state\n1,Closed\n2,Active\n3,\n")
    labels = SourceParams(
        path="states.csv", table="labels", columns={"customer_id": "id", "label": "state"},
        formats={"means_yes": {"label": ["Closed"]}},
    )  # fmt: skip
    parsed = read_source(engine, "s", labels, root=tmp_path, scratch=tmp_path / "scratch", dates=DATES)
    assert {row["customer_id"]: row["label"] for row in rows(parsed)} == {"1": True, "2": False, "3": None}


def test_missing_file_is_named_with_the_nearest(tmp_path):
    (tmp_path / "order.csv").write_text(HEADER + "1,K,2024-01-01,5\n")
    assert faults(tmp_path, source()) == "orders.csv: file not found. Did you mean 'order.csv'?"


def test_folder_is_no_file(tmp_path):
    (tmp_path / "orders.csv").mkdir()
    with pytest.raises(DataError, match="orders.csv: the folder holds no file that is read"):
        find_files(source(), tmp_path)


def test_good_source_has_no_fault(tmp_path):
    (tmp_path / "orders.csv").write_text(HEADER + "1,K,2024-01-01,5\n")
    assert check_source(source(), tmp_path) == []


def test_attribute_under_the_name_of_a_column_is_refused(tmp_path):
    (tmp_path / "people.csv").write_text("id,mail\n1,a@b\n")
    people = SourceParams(
        path="people.csv", table="customers", columns={"customer_id": "id"}, attributes={"email": "mail"}
    )
    assert "attributes: 'email' is a column of customers. Map it under columns." in faults(tmp_path, people)


def test_position_beyond_the_first_record_is_refused(tmp_path):
    (tmp_path / "orders.csv").write_text("1,K,2024-01-01,5\n")
    message = faults(tmp_path, source(header=False, columns={"customer_id": 2, "amount": 5}))
    assert (
        message == "orders.csv: amount is mapped to position 5, the first record has 4 fields. A position from 1 to 4."
    )


def test_source_without_one_accepted_record_is_refused(engine, tmp_path):
    with pytest.raises(DataError) as caught:
        read(engine, tmp_path, HEADER + "1,K,31/12/2024,5\n2,K,2024-01-01,Li Na\n")
    message = str(caught.value)
    assert (
        "all 2 records are rejected: date-invalid 1 (first in orders.csv, line 2, column ordered_at: 31/12/2024)"
        in message
    )
    assert "number-invalid 1 (first in orders.csv, line 3, column amount). At least one accepted record." in message
    assert message.endswith("Declare formats.dates, such as '%d/%m/%Y', declare formats.decimals and formats.currency.")


def test_a_source_that_maps_nothing_is_refused(tmp_path):
    (tmp_path / "orders.csv").write_text("1,K,2024-01-01,5\n")
    message = "columns: no column is mapped. columns: {our_column: source_column}."
    assert message in faults(tmp_path, SourceParams(path="orders.csv", table="transactions"))


def test_several_files_of_a_glob_are_read_in_name_order_with_their_own_lines(engine, tmp_path):
    (tmp_path / "b.csv").write_text("Sum,When,Who,No\n7,2024-01-02,K2,B1\n")
    (tmp_path / "a.csv").write_text(HEADER + "A1,K1,2024-01-01,5\nA2,K1,2024-01-01\n")
    parsed = read_source(engine, "s", source("*.csv"), root=tmp_path, scratch=tmp_path / "x", dates=DATES)
    assert [(row["order_id"], row["_file"], row["_line"]) for row in rows(parsed)] == [
        ("A1", "a.csv", 2),
        ("B1", "b.csv", 2),
    ]
    (reject,) = parsed.rejects.to_pyarrow().to_pylist()
    assert (reject["source"], reject["file"], reject["line"], reject["column"], reject["code"], reject["raw"]) == (
        "s", "a.csv", 3, "Sum", "missing-cell", "A2,K1,2024-01-01",
    )  # fmt: skip


def test_every_bad_cell_of_a_rejected_row_is_listed_and_the_row_counted_once(engine, tmp_path):
    parsed = read(engine, tmp_path, HEADER + "1,K,soon,much\n2,K,2024-01-01,5\n")
    rejects = parsed.rejects.order_by("column").to_pyarrow().to_pylist()
    assert [(row["column"], row["code"], row["raw"]) for row in rejects] == [
        ("amount", "number-invalid", "much"), ("ordered_at", "date-invalid", "soon"),
    ]  # fmt: skip
    assert parsed.metrics["s.rejected"] == 1
    assert parsed.metrics["s.rejected.date-invalid"] == 1


def test_amount_is_quantity_times_price_rounded_half_to_even(engine, tmp_path):
    columns = {"order_id": "No", "quantity": "Q", "unit_price": "P"}
    lines = ["1,3,2.5", "2,-2,0.1", "3,0.5,0.0003", "4,0.5,0.0001", "5,-0.5,0.0003", "6,,2", "7,1.5,2.0001"]
    parsed = read(engine, tmp_path, "No,Q,P\n" + "\n".join(lines) + "\n", columns=columns)
    assert [str(row["amount"]) for row in rows(parsed)] == [
        "7.5000",
        "-0.2000",
        "0.0002",
        "0.0000",
        "-0.0002",
        "3.0002",
    ]
    assert parsed.metrics["s.rejected.money-missing"] == 1


def test_given_amount_is_kept_and_a_blank_one_filled(engine, tmp_path):
    columns = {"order_id": "No", "quantity": "Q", "unit_price": "P", "amount": "A"}
    parsed = read(engine, tmp_path, "No,Q,P,A\n1,2,3,5.5\n2,2,3,\n", columns=columns)
    assert [str(row["amount"]) for row in rows(parsed)] == ["5.5000", "6.0000"]


def test_contact_columns_are_counted_and_left_out(engine, tmp_path):
    (tmp_path / "people.csv").write_text("id,mail,city\n1,a@b.c,Xi'an\n2, ,Wuhan\n")
    people = SourceParams(
        path="people.csv", table="customers", columns={"source_id": "id", "email": "mail", "city": "city"}
    )
    parsed = read_source(engine, "crm", people, root=tmp_path, scratch=tmp_path / "x", dates=DATES)
    assert "email" not in parsed.table.columns
    assert parsed.metrics["crm.contact_cells_dropped"] == 1
    assert [row["customer_id"] for row in rows(parsed)] == ["1", "2"]


def test_attribute_is_numeric_only_if_every_filled_value_is(engine, tmp_path):
    (tmp_path / "people.csv").write_text("id,a,b,c\n1,5,x,\n2,,6,\n3,7.5,7,\n")
    people = SourceParams(
        path="people.csv", table="customers", columns={"customer_id": "id"}, attributes=["a", "b", "c"]
    )
    parsed = read_source(engine, "crm", people, root=tmp_path, scratch=tmp_path / "x", dates=DATES)
    assert {name: parsed.kinds[name] for name in "abc"} == {"a": "number", "b": "category", "c": "category"}
    assert [row["a"] for row in rows(parsed)] == [5.0, None, 7.5]


def test_parquet_keeps_its_types(engine, tmp_path):
    frame = pd.DataFrame(
        {"No": [1, 2, 3], "Who": [17850.0, None, 12.0], "When": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
         "Sum": [1.25, 0.1, float("nan")]}
    )  # fmt: skip
    frame.to_parquet(tmp_path / "orders.parquet")
    parsed = read_source(engine, "s", source("orders.parquet"), root=tmp_path, scratch=tmp_path / "x", dates=DATES)
    typed_rows = rows(parsed)
    assert [(row["order_id"], row["customer_id"], str(row["amount"])) for row in typed_rows] == [
        ("1", "17850", "1.2500"), ("2", None, "0.1000"),
    ]  # fmt: skip
    assert parsed.metrics["s.physical_records"] == 3
    assert parsed.metrics["s.rejected.money-missing"] == 1


def test_parquet_without_rows_is_refused(tmp_path):
    pd.DataFrame({"No": [], "Who": [], "When": [], "Sum": []}).to_parquet(tmp_path / "orders.parquet")
    assert "holds columns and no row" in faults(tmp_path, source("orders.parquet"))


def test_file_that_changes_while_it_is_read_is_refused(engine, tmp_path, monkeypatch):
    states = iter([(10, 1, 1), (20, 2, 1)])
    monkeypatch.setattr(raw_files, "file_state", lambda path: next(states))
    with pytest.raises(DataError, match="the file changed while it was read"):
        read(engine, tmp_path, HEADER + "1,K,2024-01-01,5\n")


def test_scratch_files_are_private(engine, tmp_path):
    read(engine, tmp_path, HEADER + "1,K,2024-01-01,5\n")
    for path in (tmp_path / "scratch").rglob("*.parquet"):
        assert path.stat().st_mode & 0o077 == 0


def messy(seed):
    """Write a clean file with many quotes, separators in quotes, blanks and blank cells."""
    draw = random.Random(seed)
    cells = ["a", "", " b ", '"c, d"', '"say ""x"""', '""', "张伟", '" g"', "0.5"]
    lines = [",".join(draw.choice(cells) for _ in range(4)) for _ in range(40)]
    return "No,Who,When,Sum\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(12))
def test_both_readers_agree_on_a_clean_file(engine, tmp_path, seed):
    path = tmp_path / "orders.csv"
    path.write_text(messy(seed))
    head, scan = read_head(path, separator=","), scan_text(path)
    columns = {"a": 1, "b": 2, "c": 3, "d": 4}
    clean = raw_files._read_clean(engine, path, tmp_path / "clean.parquet", head=head, columns=columns, scan=scan)
    exact = raw_files._read_exact(engine, path, tmp_path / "exact.parquet", head=head, columns=columns, scan=scan)
    assert clean is not None
    assert (clean.physical, clean.codes) == (exact.physical, exact.codes)
    contents = [
        [{name: value or None for name, value in row.items()} for row in raw.table.to_pyarrow().to_pylist()]
        for raw in (clean, exact)
    ]
    assert contents[0] == contents[1]


def test_the_engine_itself_reads_a_file_with_quoted_separators(engine, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text('No,Who,When,Sum\n1,"a, ""b""",c,5\n2,x,"y, ",6\n')
    head, scan = read_head(path), scan_text(path)
    assert (
        raw_files._read_clean(engine, path, tmp_path / "x.parquet", head=head, columns={"a": 2}, scan=scan) is not None
    )


def test_a_surplus_separator_goes_to_the_exact_reader(engine, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("No,Who,When,Sum\n1,a,b,5\n2,a,b,\n3,a,,,\n")
    head, scan = read_head(path), scan_text(path)
    assert raw_files._read_clean(engine, path, tmp_path / "x.parquet", head=head, columns={"a": 2}, scan=scan) is None


def test_garbled_names_and_addresses_are_counted_without_being_shown(tmp_path):
    rows = ["id,name,address", "1,张伟,上海", "2,濮撳悕,Main Street 5", "3,José,", "4,,鍖椾含"]
    (tmp_path / "crm.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    source = SourceParams(
        path="crm.csv", table="customers", columns={"customer_id": "id", "name": "name", "address": "address"}
    )
    options = {"root": tmp_path, "scratch": tmp_path / "scratch", "dates": (dt.date(1900, 1, 2), dt.date(2030, 1, 1))}
    metrics = read_source(ibis.duckdb.connect(threads=1), "crm", source, **options).metrics
    assert (metrics["crm.contact.name.garbled"], metrics["crm.contact.address.garbled"]) == (1, 1)
