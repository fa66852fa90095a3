"""Damaged files: a file with damaged bytes or cells is refused by name or has every record counted."""

import csv
import datetime as dt
import gzip
import io
import json
import os
import random
import tempfile
import zipfile
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import ibis
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from workbench.core.errors import WorkbenchError
from workbench.core.params.sources import SourceParams
from workbench.intake.casting.ids import BLANKS
from workbench.intake.reading.layouts import read_layout
from workbench.intake.tables import raw_rows
from workbench.intake.tables.sources import read_source

DATES = (dt.date(1900, 1, 2), dt.date(2026, 1, 1))
COLUMNS = ["order_id", "customer_id", "ordered_at", "product_name", "amount"]
ROWS = [
    ["A1", "张伟", "2024-05-01", "ring, gold", "10.50"],
    ["A2", "李娜", "2024-05-02 10:11:12", '18" chain', "-3"],
    ["A3", "", "2024-05-03", "银 戒指", "7"],
    ["A4", "K1", "", "𠮷·阿不都 💍", "0.01"],
    ["A5", "K2", "2024-05-05", "两行\n字", "1e3"],
    ["A6", "00123", "2024-05-06", " 吊坠 ", "12"],
    ["A7", "K9", "2024-05-07", "x;y|z", "5"],
]
ONE_LINE = [row for row in ROWS if "\n" not in row[3]]
NASTY = [
    b'"', b'""', b",", b";", b"|", b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b'"\n', b'\n"', b' "', b"\0", b"\x1a", b"\x1f",
    b"\x0b", b"\x85", b"\xff", b"\xb0\xc5", b"\xe5", b"\xef\xbb\xbf", b"\x1f\x8b", b"{", b"}", b"[", b"\\", b"null",
    "𠮷".encode(), "\u2028".encode(),
]  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "delete", "repeat", "cut"]),
        st.integers(0, 1 << 20),
        st.integers(1, 40),
        st.sampled_from(NASTY) | st.binary(min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=4,
)


def as_text(rows, separator=",", end="\n"):
    written = io.StringIO()
    csv.writer(written, delimiter=separator, lineterminator=end).writerows([COLUMNS, *rows])
    return written.getvalue()


def as_json_lines(rows):
    return "".join(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)


def as_workbook(rows):
    book, written = openpyxl.Workbook(), io.BytesIO()
    for row in [COLUMNS, *rows]:
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s"  # "=0" is a text here: a formula without a value is a test of its own
    book.save(written)
    return written.getvalue()


def as_parquet(rows):
    written = io.BytesIO()
    pd.DataFrame(rows, columns=COLUMNS).to_parquet(written)
    return written.getvalue()


def packed(content):
    return gzip.compress(content, mtime=0)


WRITERS = {
    "orders.csv": lambda rows: as_text(rows).encode(),
    "orders.csv.gz": lambda rows: packed(as_text(rows).encode()),
    "orders.gb18030.csv": lambda rows: as_text(rows).encode("gb18030"),
    "orders.utf16.csv": lambda rows: as_text(rows, "\t").encode("utf-16"),
    "orders.dos.csv": lambda rows: as_text(rows, ";", "\r\n").encode("utf-8-sig"),
    "orders.jsonl": lambda rows: as_json_lines(rows).encode(),
    "orders.jsonl.gz": lambda rows: packed(as_json_lines(rows).encode()),
    "orders.json": lambda rows: json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows]).encode(),
    "orders.xlsx": as_workbook,
    "orders.parquet": as_parquet,
}
WHOLE = {name: write(ROWS) for name, write in WRITERS.items()}


def seeded(examples):
    """Return settings that draw the same examples at every run; `make test-all` draws more of them."""
    examples *= int(os.environ.get("WORKBENCH_FUZZ", "1"))
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=slow)


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


def damage(content, edits):
    """Apply edits to bytes, wherever they fall."""
    damaged = bytearray(content)
    for kind, place, length, inserted in edits:
        at = place % (len(damaged) + 1)
        if kind == "insert":
            damaged[at:at] = inserted
        elif kind == "replace":
            damaged[at : at + len(inserted)] = inserted
        elif kind == "delete":
            del damaged[at : at + length]
        elif kind == "repeat":
            damaged[at:at] = damaged[at : at + length]
        else:
            del damaged[len(damaged) - at % 50 :]
    return bytes(damaged)


def damage_inside(name, content, edits):
    """Damage the content inside a packed file, and pack it again."""
    if name.endswith(".gz"):
        return packed(damage(gzip.decompress(content), edits))
    if not name.endswith(".xlsx"):
        return damage(content, edits)
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w") as new:
        for part in old.namelist():
            content_of_part = old.read(part)
            new.writestr(
                part,
                damage(content_of_part, edits)
                if part.endswith(("sheet1.xml", "sharedStrings.xml"))
                else content_of_part,
            )
    return written.getvalue()


def source(name, columns=COLUMNS, **more):
    return SourceParams(path=name, table="transactions", columns={column: column for column in columns}, **more)


def read_raw(engine, folder, name, content):
    """Read a file up to its records, as text; None where it is refused by name."""
    path = Path(folder) / name
    path.write_bytes(content)
    try:
        layout = read_layout(source(name), path)
        raw = raw_rows.read_file(engine, source(name), layout, Path(folder) / "scratch")
        rows = raw.table.to_pyarrow().to_pylist()
        rows = [{column: cell or None for column, cell in row.items()} for row in rows]
        return layout, raw, rows, raw.rejects.to_pyarrow().to_pylist() if raw.rejects is not None else []
    except WorkbenchError as error:
        assert name in str(error)
        return None


def count_lines(content, encoding):
    """Count the lines of a text file by splitting it, independently of the reader."""
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    if encoding.startswith("utf-16"):
        content = content.decode(encoding).replace("\0", "").encode()
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n" if b"\n" in content else b"\r")
    return len(lines) - (lines[-1] == b"")


def lines_of(cells):
    return 1 + sum((cell or "").count("\n") for cell in cells)


@pytest.mark.parametrize("name", [name for name in WRITERS if not name.endswith((".parquet", ".json"))])
@seeded(10)
@given(edits=EDITS)
def test_every_line_of_a_damaged_file_is_a_record_a_reject_or_blank(engine, name, edits):
    content = damage_inside(name, WHOLE[name], edits)
    with tempfile.TemporaryDirectory() as folder:
        outcome = read_raw(engine, folder, name, content)
    if outcome is None:
        return
    layout, raw, rows, rejects = outcome
    numbers = [row["_line"] for row in rows] + [reject["line"] for reject in rejects]
    assert len(rows) == raw.rows
    assert len(rejects) == sum(raw.codes.values()) == raw.physical - raw.rows
    assert len(set(numbers)) == len(numbers)
    assert all(reject["code"] and reject["raw"] is not None for reject in rejects)
    covered = sum(lines_of([reject["raw"]]) for reject in rejects) + raw.repairs.get("blank_lines", 0)
    if "jsonl" in name:
        assert covered + len(rows) == count_lines(content, raw.encoding)
    elif layout.head and len(layout.names) == len(COLUMNS):  # all its cells are read, so that their lines are known
        covered += layout.head.skip + lines_of(layout.names)  # notes above the header
        covered += sum(lines_of([row[column] for column in COLUMNS]) for row in rows)
        assert covered == count_lines(content, raw.encoding)


@pytest.mark.parametrize("name", WRITERS)
@seeded(5)
@given(edits=EDITS)
def test_a_damaged_file_is_refused_by_name_or_accounted_for(engine, name, edits):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(damage(WHOLE[name], edits))
        given_source = source(name, ["order_id", "product_name", "amount"])
        try:
            parsed = read_source(
                engine, "s", given_source, root=Path(folder), scratch=Path(folder) / "scratch", dates=DATES
            )
        except WorkbenchError as error:
            assert name in str(error)
            return
        assert parsed.table.count().execute() == parsed.metrics["s.accepted"]
        assert parsed.metrics["s.accepted"] + parsed.metrics["s.rejected"] == parsed.metrics["s.physical_records"]


@seeded(25)
@given(at=st.integers(2, len(ONE_LINE)), edits=EDITS, name=st.sampled_from(["orders.csv", "orders.dos.csv"]))
def test_damage_in_one_line_costs_no_other_record(engine, at, edits, name):
    """An opened quote, a damaged byte or a lost separator changes no other line."""
    whole = WRITERS[name](ONE_LINE)
    end = b"\r\n" if b"\r\n" in whole else b"\n"
    lines = whole.split(end)
    inline = [
        (kind, place, length, inserted.replace(b"\n", b"").replace(b"\r", b""))
        for kind, place, length, inserted in edits
    ]
    lines[at] = damage(lines[at], [edit for edit in inline if edit[0] != "cut"])
    with tempfile.TemporaryDirectory() as folder:
        undamaged = read_raw(engine, folder, name, whole)[2]
    with tempfile.TemporaryDirectory() as folder:
        _, raw, rows, rejects = read_raw(engine, folder, name, end.join(lines))
    assert [row for row in rows if row["_line"] != at + 1] == [row for row in undamaged if row["_line"] != at + 1]
    assert {reject["line"] for reject in rejects} <= {at + 1}
    assert raw.physical + raw.repairs.get("blank_lines", 0) == len(ONE_LINE)


CELLS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters='"\t\x85,;|'), max_size=12
) | st.sampled_from(
    ["NA", "null", "None", "TRUE", "1e5", "=1+1", "'", '"', '""', "\\", "\\N", "{}", "%s", "<script>", "../x", "﷽",
     "e\u0301", "\u202eabc", "مرحبا", "𠮷", "one\ntwo", "x" * 3000]
)  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
@seeded(3)
@given(cells=st.lists(CELLS, min_size=8, max_size=8))
def test_any_text_is_read_unchanged(engine, name, cells):
    rows = [[f"A{at}", "K1", "2024-05-01", cell, "1"] for at, cell in enumerate(cells)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(WRITERS[name](rows))
        declared = "gb18030" if "gb18030" in name else None  # a handful of its letters may well be UTF-8
        given_source = source(name, ["order_id", "product_name", "amount"], encoding=declared)
        parsed = read_source(engine, "s", given_source, root=path.parent, scratch=path.parent / "scratch", dates=DATES)
        texts = parsed.table.order_by("_order").to_pyarrow()["product_name"].to_pylist()
    assert parsed.metrics["s.accepted"] == parsed.metrics["s.physical_records"] == len(cells)
    stripped = [cell.strip(BLANKS) for cell in cells]
    assert texts == [None if cell in {"", "nan", "NaN", "NaT", "<NA>"} else cell for cell in stripped]


ODD_CELLS = [
    "", "NA", "1e400", "-1e400", "9" * 17, "9" * 19, "9" * 40, "99999999999999.9999", "999999999999999.99", "NaN", "inf",
    "0x10", "1_000", "１２３", "½", "1,234.50", "(500)", "¥12", "-0", "5.", ".", "1e-300", "0.00005", "--1", "2024-02-30",
    "0001-01-01", "9999-12-31", "290000-01-01", "2024-05-01T00:00:00Z", "2024-05-01 25:00", "2024-05-01 10:00:00+25:00",
    "1900-01-01", "20240708", "45123", "03/04/2024", "1.23E+18", "17850.0", "\u200bx\u200b", "\x01", "\x85", "\u200e",
]  # fmt: skip
FORMATS = [
    {},
    {"decimals": ",", "currency": "CNY"},
    {"time_zone": "Asia/Shanghai", "stored_in": "UTC"},
    {"dates": ["excel", "%Y%m%d"]},
    {"units": {"amount": "yi", "unit_price": "fen", "discount": "wan"}},
    {"currency": "CNY", "rates": "rates.csv"},
]


@pytest.mark.parametrize("formats", FORMATS, ids=lambda formats: "-".join(formats) or "plain")
def test_any_cell_is_read_rejected_or_counted_as_unusable(engine, tmp_path, formats):
    draw = random.Random(str(formats))
    columns = ["order_id", "customer_id", "ordered_at", "quantity", "unit_price", "amount", "discount"]
    columns += ["currency"] if "rates" in formats else []
    (tmp_path / "rates.csv").write_text(
        "date,currency,rate\n2020-01-01,45123,99999999.5\n2020-01-01,NA,0.000000000001\n"
    )
    usable = ["A1", "K1", "2024-05-01", "99999", "99999999999", "", "5", "45123"]
    rows = [[draw.choice([usable[at], draw.choice(ODD_CELLS)]) for at, _ in enumerate(columns)] for _ in range(400)]
    with (tmp_path / "odd.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([columns, *rows])
    parsed = read_source(
        engine, "s", source("odd.csv", columns, formats=formats), root=tmp_path, scratch=tmp_path / "x", dates=DATES
    )
    metrics = parsed.metrics
    assert metrics["s.accepted"] + metrics["s.rejected"] == metrics["s.physical_records"] == len(rows)
    assert metrics["s.accepted"] > 0
    accepted = {row["_line"]: row for row in parsed.table.to_pyarrow().to_pylist()}
    listed = {(reject["line"], reject["column"]) for reject in parsed.rejects.to_pyarrow().to_pylist()}
    invisible = {"\x01", "\x85", "\u200e"}  # an id of nothing but control characters is blank
    for line, row in accepted.items():
        for column, cell in zip(columns, rows[line - 2], strict=True):
            lost = row[column] is None and cell and not (column.endswith("_id") and cell in invisible)
            assert not lost or (line, column) in listed, (line, column, cell)


def test_amounts_are_exact_up_to_the_digits_money_holds_and_named_beyond(engine, tmp_path):
    draw = random.Random(7)
    pairs = [
        (Decimal(draw.randrange(-(10**draw.randint(1, 15)), 10**15)).scaleb(-draw.choice([0, 3])),
         Decimal(draw.randrange(10 ** draw.randint(1, 18))).scaleb(-4))
        for _ in range(300)
    ]  # fmt: skip
    lines = [f"A{at},{quantity:f},{price:f}" for at, (quantity, price) in enumerate(pairs)]
    (tmp_path / "orders.csv").write_text("order_id,quantity,unit_price\n" + "\n".join(lines) + "\n")
    given_source = source("orders.csv", ["order_id", "quantity", "unit_price"])
    parsed = read_source(engine, "s", given_source, root=tmp_path, scratch=tmp_path / "x", dates=DATES)
    amounts = {row["order_id"]: row["amount"] for row in parsed.table.to_pyarrow().to_pylist()}
    exact = {f"A{at}": quantity * price for at, (quantity, price) in enumerate(pairs)}
    in_range = {key: value for key, value in exact.items() if abs(value) < 99_999_999_999_999}
    assert 0 < len(in_range) < len(exact)
    assert amounts == {key: value.quantize(Decimal("0.0001"), ROUND_HALF_EVEN) for key, value in in_range.items()}
    assert parsed.metrics["s.rejected.out-of-range"] == len(exact) - len(in_range)
