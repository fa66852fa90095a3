"""Tidy files are read in one pass, with the results of the exact reader."""

from __future__ import annotations

import datetime as dt
import random
import re
from dataclasses import replace

import ibis
import pyarrow.parquet as pq
import pytest

from workbench.core.params.sources import SourceParams
from workbench.intake.casting import direct, tidy
from workbench.intake.casting.cells import _as_written, engine_moment
from workbench.intake.casting.column_kinds import ColumnPlan
from workbench.intake.reading.text import raw_files, text_scan
from workbench.intake.reading.text.odd_lines import OddLines, line_sql
from workbench.intake.reading.text.text_scan import scan_text
from workbench.intake.tables import sources

COLUMNS = ("order_id", "customer_id", "ordered_at", "product_id", "quantity", "unit_price")
HEADER = ",".join(COLUMNS) + "\n"
DATE_RANGE = (dt.date(1900, 1, 2), dt.date(2030, 1, 1))
IDS = ("A1", "A2", "000123", "1E+17", "1.2e+5", "12345678901234567", "", "x+y", "7.0")
DATES = (
    "2024-02-29", "2024-01-31 10:59:07", "2024-01-31 1:59", "2024/1/3", "2024-01-31T10:59:07", "2024-01-31 10:59:07.5",
    "2024-01-31 10:59:07Z", "2024-01-31 10:59+08:00", "31.12.2023", "3/4/2024", "-024-01-31", "2024-01- 1", "2024-01-3T",
    "12024-01-01 00:00:00", "1899-12-30", "9999-12-31", "2023-02-29", "epoch", "infinity", "20240131", "", "2031-01-01",
    "2024-01-31 10:59:0.", "2024-01-31 24:00:00", "0001-01-01 (BC)",
)  # fmt: skip
NUMBERS = (
    "1", "1.5", "-2", "+3", "1_0", "0x1", "1e2", "1e2.", "1,5", ".5", "5.", "", "nan", "inf", "1.23456", "0.00005",
    "99999999999999", "99999999999999999", "- 1", "12.345",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


@pytest.fixture
def both(engine, tmp_path, monkeypatch):
    """Return a function that reads a folder in one pass where possible, then exactly, and names the first way."""

    def answer(name: str, **more) -> tuple:
        source = SourceParams(
            path="*.csv", table="transactions", columns={column: column for column in COLUMNS}, **more
        )
        options = {"root": tmp_path, "scratch": tmp_path / name, "dates": DATE_RANGE}
        parsed = sources.read_source(engine, "orders", source, **options)
        rejects = parsed.rejects.to_pyarrow().to_pylist() if parsed.rejects is not None else []
        table = parsed.table.order_by("_order").to_pyarrow()
        return table.select(sorted(table.column_names)), sorted(map(repr, rejects)), parsed.metrics, parsed.copy

    def read(**more) -> tuple[tuple, str]:
        ways = []
        one_pass = sources._read_fast

        def recorded(*args, **kwargs):
            result = one_pass(*args, **kwargs)
            ways.append("exact" if result is None else "copied" if result[2] is not None else "settled")
            return result

        with monkeypatch.context() as patch:
            patch.setattr(sources, "_read_fast", recorded)
            quick = answer("quick", **more)
            patch.setattr(sources, "_read_fast", lambda *args, **kwargs: None)
            exact = answer("exact", **more)
        assert quick[0].equals(exact[0])
        assert quick[1:3] == exact[1:3]
        return quick, ways[0]

    return read


def lines(seed: int, count: int, *, odd: float) -> str:
    """Write order lines with a share of odd cells."""
    rnd = random.Random(seed)

    def cell(usual: str, others: tuple[str, ...]) -> str:
        return rnd.choice(others).replace(",", "") if rnd.random() < odd else usual

    rows = [
        (
            cell(f"A{at // 3}", IDS), cell(f"C{at % 7}", IDS), cell(f"2024-01-{1 + at % 28:02} 10:{at % 60:02}:00", DATES),
            cell(f"P{at % 5}", IDS), cell(str(1 + at % 4), NUMBERS), cell(f"{at % 90}.{at % 100:02}", NUMBERS),
        )
        for at in range(count)
    ]  # fmt: skip
    return "".join(",".join(row) + "\n" for row in rows)


def test_a_clean_file_is_copied_with_the_result_of_the_exact_reader(tmp_path, both):
    (tmp_path / "orders.csv").write_text(HEADER + lines(1, 500, odd=0.0), encoding="utf-8")
    (table, rejects, metrics, copy), way = both()
    assert way == "copied"
    assert (table.num_rows, rejects, metrics["orders.accepted"]) == (500, [], 500)
    assert pq.read_schema(copy).names == [
        "order_id",
        "customer_id",
        "ordered_at",
        "product_id",
        "quantity",
        "unit_price",
        "amount",
    ]


def test_records_with_a_cell_in_doubt_are_judged_and_replaced(tmp_path, both):
    rows = [line.split(",") for line in lines(3, 700, odd=0.0).splitlines()]
    cells = [(0, "1E+17"), (0, "12345678901234567890"), (1, "7.0"), (1, "Ａ１"), (2, "1899-12-30"), (2, "2024-01-31T10:59:07"),
             (2, "2024-01-3T 10:59:07"), (4, ""), (4, "1_0"), (5, "1e2"), (5, "99999999999999"), (3, " P1 ")]  # fmt: skip
    for place, (at, cell) in enumerate(cells):
        rows[7 + 50 * place][at] = cell
    (tmp_path / "orders.csv").write_text(HEADER + "\n".join(map(",".join, rows)) + "\n", encoding="utf-8")
    (table, rejects, metrics, _), way = both()
    assert way == "settled"
    assert table.num_rows == 700 - sum(value for name, value in metrics.items() if ".rejected." in name) < 700
    assert (metrics["orders.repairs.blanks"], metrics["orders.repairs.keys_normalised"]) == (1, 1)
    assert any("'line': 9" in reject for reject in rejects)


@pytest.mark.parametrize("seed", range(3))
def test_a_few_odd_lines_and_cells_cost_no_other_record_and_no_line_number(tmp_path, both, seed):
    rnd = random.Random(seed)
    rows = [line.split(",") for line in lines(seed, 600, odd=0.001).splitlines()]
    for at in rnd.sample(range(20, 600), 8):
        rows[at] = rnd.choice([rows[at][:2], [*rows[at], "x"], ["only"], rows[at][:5]])
    end = rnd.choice(["\n", "\r\n"])
    text = HEADER.strip() + end + end.join(map(",".join, rows)) + end * rnd.randint(0, 1)
    (tmp_path / "orders.csv").write_text(text, encoding="utf-8", newline="")
    (_, rejects, metrics, _), way = both()
    assert way in ("copied", "settled")
    assert metrics["orders.rejected.missing-cell"] + metrics.get("orders.rejected.extra-cell", 0) == 8
    assert len(rejects) >= 8


def test_files_the_engine_misreads_go_to_the_exact_reader(tmp_path, both):
    rows = lines(3, 60, odd=0.0).splitlines()
    for odd in (["", "x,y"], [rows[0] + ",", "x"]):  # the engine ignores a blank line, and an empty last field
        text = HEADER + "\n".join([*rows[:9], *odd, *rows[9:]])
        (tmp_path / "orders.csv").write_text(text, encoding="utf-8")
        assert both()[1] == "exact"


@pytest.mark.parametrize(
    ("place", "cell"),
    [(1, "x" * 300_000), (399, "x" * 300_000), (1, '"' + ("x" * 3000 + ",1\n") * 100 + '"')],
    ids=["first", "last", "quoted"],
)
def test_a_line_longer_than_the_buffer_of_the_engine_is_read(tmp_path, both, monkeypatch, place, cell):
    monkeypatch.setattr(raw_files, "_MAX_LINE_BYTES", 1 << 16)
    monkeypatch.setattr(raw_files, "_BUFFER_BYTES", 1 << 17)
    rows = lines(1, 400, odd=0.0).splitlines()
    rows[place] = rows[place].replace(f",P{place % 5},", f",{cell},")
    (tmp_path / "orders.csv").write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    (table, rejects, _, _), way = both()
    assert (way, table.num_rows, rejects) == ("exact", 400, [])


@pytest.mark.parametrize("numbers", [(), (2,), (9,), (2, 3, 4, 9), tuple(range(5, 9))])
def test_the_line_of_a_record_counts_the_lines_left_out_before_it(engine, numbers):
    records = [line for line in range(2, 12) if line not in numbers]
    line_expression = line_sql(OddLines(numbers), first=2)
    line_numbers = engine.raw_sql(f"SELECT {line_expression} FROM range({len(records)}) AS t(n)").fetchall()
    assert [row[0] for row in line_numbers] == records


def test_an_unambiguous_cell_is_copied(tmp_path, both):
    rows = [line.split(",") for line in lines(3, 20, odd=0.0).splitlines()]
    cells = [(0, ""), (0, "12345678901234567890"), (1, "x_y"), (2, "2024-02-29"), (2, ""), (4, "-2"), (4, "0.333"),
             (4, "2."), (5, "0.0005"), (5, "+1.5"), (5, "12345678.9")]  # fmt: skip
    for row, (at, cell) in zip(rows, cells, strict=False):
        row[at] = cell
    (tmp_path / "orders.csv").write_text(HEADER + "\n".join(map(",".join, rows)) + "\n", encoding="utf-8")
    assert both()[1] == "copied"


@pytest.mark.parametrize("moment", ["2023-01-01 00:00:00", "1987-02-10 10:20:30", "2023-12-29 23:59:59", "2024-02-29"])
def test_only_moments_in_the_engines_own_form_need_no_pattern(engine, moment):
    kind, length = ("TIMESTAMP" if " " in moment else "DATE"), len(moment)
    plan = ColumnPlan(
        "cell", kind.lower(), SourceParams(path="a", table="transactions", columns={}).formats, *DATE_RANGE
    )
    signs = "unnest(string_split('0123456789-+/.,:;TtZz (\t\u3000\uff10eB_\\', ''))"
    changed = f"""WITH sign AS (SELECT {signs} AS x),
        place AS (SELECT i, j FROM range({length}) AS t(i), range({length}) AS u(j) WHERE i < j)
        SELECT DISTINCT substr('{moment}', 1, i) || a.x || substr('{moment}', i + 2, j - i - 1) || b.x
            || substr('{moment}', j + 2) AS cell FROM place, sign AS a, sign AS b"""
    cells = ibis.table({"cell": "string"}, name="cells")
    moment_guess = engine_moment(cells.cell, plan)
    taken = (_as_written(cells.cell, moment_guess).notnull()).fill_null(False)
    same = (moment_guess.cast(kind.lower()).cast("string") == cells.cell).fill_null(False)
    selection = engine.compile(cells.select("cell", taken=taken, same=same))
    query = f"""WITH cells AS ({changed}) SELECT count(*) FILTER (taken), list(cell) FILTER (taken <> same)
        FROM ({selection})"""
    count, differ = engine.raw_sql(query).fetchall()[0]
    assert count > 500
    assert not differ


def test_a_file_with_many_cells_in_doubt_goes_to_the_exact_reader(tmp_path, both):
    (tmp_path / "orders.csv").write_text(HEADER + lines(0, 300, odd=0.05), encoding="utf-8")
    assert both()[1] == "exact"


@pytest.mark.parametrize(("seed", "odd"), [(0, 0.02), (1, 0.5)])
def test_odd_cells_of_a_tidy_file_are_judged_alike_by_both_readers(tmp_path, both, monkeypatch, seed, odd):
    monkeypatch.setattr(direct, "_FEW", 1)
    (tmp_path / "a.csv").write_text(HEADER + lines(seed, 300, odd=odd), encoding="utf-8")
    (tmp_path / "b.csv").write_text(HEADER.rstrip() + " \r\n" + lines(seed + 50, 40, odd=0).replace("\n", "\r\n"),
                                    encoding="utf-8", newline="")  # fmt: skip
    (_, rejects, _, _), way = both()
    assert way == "settled"
    assert len(rejects) > 0


@pytest.mark.parametrize(
    "formats",
    [{"time_zone": "Asia/Shanghai"}, {"dates": ["%Y-%m-%d %H:%M:%S", "%Y/%m/%d"]}, {"decimals": "."},
     {"units": {"unit_price": "fen"}}, {"stored_in": "UTC", "time_zone": "Asia/Shanghai"}, {"currency": "CNY"},
     {"dates": ["excel", "%Y-%m-%d %H:%M:%S"]}],
    ids=["zone", "patterns", "decimals", "unit", "stored", "currency", "serial"],
)  # fmt: skip
def test_declared_formats_are_read_alike_by_both_readers(tmp_path, both, monkeypatch, formats):
    monkeypatch.setattr(direct, "_FEW", 1)
    (tmp_path / "orders.csv").write_text(HEADER + lines(9, 300, odd=0.3), encoding="utf-8")
    assert both(formats=formats)[1] == "settled"


def test_dates_of_a_declared_pattern_are_copied(tmp_path, both):
    text = lines(5, 40, odd=0.0).replace("2024-01-", "2024/01/")
    (tmp_path / "orders.csv").write_text(HEADER + text, encoding="utf-8")
    assert both(formats={"dates": ["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S"]})[1] == "copied"


def test_chinese_text_in_gb18030_is_copied(tmp_path, both):
    header = HEADER.replace("\n", ",channel\n")
    rows = [line + ",天猫" for line in lines(4, 50, odd=0.0).splitlines()]
    (tmp_path / "orders.csv").write_bytes((header + "\n".join(rows)).encode("gb18030"))
    (_, _, metrics, _), way = both()
    assert way == "copied"
    assert metrics["orders.encoding"] == "gb18030"


@pytest.mark.parametrize(
    "change",
    [lambda text: text.replace("A", "Ａ"), lambda text: re.sub(r",C(\d),", r",\1.0,", text),
     lambda text: "\n".join(line.replace("A", "123456789012345000", 1) for line in text.splitlines())],
    ids=["full-width ids", "ids end in .0", "long ids rounded"],
)  # fmt: skip
def test_ids_that_need_repair_go_to_the_exact_reader(tmp_path, both, change):
    (tmp_path / "orders.csv").write_text(HEADER + change(lines(2, 60, odd=0.0)), encoding="utf-8")
    assert both()[1] == "exact"


@pytest.mark.parametrize("seed", range(3))
def test_damaged_bytes_give_the_same_answer(tmp_path, both, seed):
    content, rnd = bytearray((HEADER + lines(seed, 120, odd=0.05)).encode()), random.Random(seed)
    for _ in range(3):
        content[rnd.randrange(len(HEADER), len(content))] = rnd.choice(b' ,"\n\r\t\x0b\xc2\xa0;0Z.')
    (tmp_path / "orders.csv").write_bytes(bytes(content))
    both()


@pytest.mark.parametrize(
    ("text", "trimmed"),
    [("a\nx\n", True), ("a \nx y\n", True), ("a\n x\n", False), ("a\nx \n", False), ("a\nx ", False), ("a\nx\ty\n", False),
     ('a\n" x"\n', False), ('a\n"x "\n', False), ("a\nx,y ,z\n", False), ("a\nx\u3000\n", False), ("a\nx\xa0\n", False),
     ("a\r\nx\r\n", True), ("a\r\nx \r\n", False), ("a\n客户\n", True), ("a\nx\v\n", False), ("a\n“x”\n", False)],
)  # fmt: skip
def test_a_blank_at_the_edge_of_a_cell_is_detected(tmp_path, text, trimmed):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert scan_text(path, header=True).trimmed is trimmed


def test_only_printable_ascii_is_called_printable(tmp_path):
    path = tmp_path / "a.csv"
    for text, printable in (("名\nx1\n", True), ("a\n客户\n", False), ("a\nx\x01\n", False), ("a\nx\x7f\n", False)):
        path.write_text(text, encoding="utf-8")
        assert scan_text(path, header=True).printable is printable


@pytest.mark.parametrize("seed", range(3))
def test_the_scan_is_the_same_for_any_chunk_size(tmp_path, monkeypatch, seed):
    rnd, path = random.Random(seed), tmp_path / "a.csv"
    signs = ["a", ",", "\n", " ", '"', "\r\n", "\r", "\t", "\0", "\u3000", "\u00a0", "客", "e", "+"]
    for _ in range(200):
        alphabet = [*rnd.sample(signs, rnd.randint(2, 6)), "a", ",", "\n"]
        path.write_text("a\n" + "".join(rnd.choices(alphabet, k=40)), encoding="utf-8", newline="")
        scans = []
        for size in (1 << 18, 4, 5, 7):
            monkeypatch.setattr(text_scan, "_CHUNK_BYTES", size)
            scan = scan_text(path, header=True)
            scans.append(replace(scan, blank_quotes=bool(scan.blank_quotes)))  # a chunk border may count one twice
        assert scans[1:] == scans[:1] * 3


def test_a_footer_rules_out_every_doubt_about_a_clean_file(tmp_path, engine, monkeypatch):
    (tmp_path / "orders.csv").write_text(HEADER + lines(1, 500, odd=0.0), encoding="utf-8")
    copies, judge = [], tidy.judge_doubts
    monkeypatch.setattr(
        tidy,
        "judge_doubts",
        lambda engine, copied, *args, **kw: copies.append(copied) or judge(engine, copied, *args, **kw),
    )
    source = SourceParams(path="orders.csv", table="transactions", columns={column: column for column in COLUMNS})
    sources.read_source(engine, "orders", source, root=tmp_path, scratch=tmp_path / "scratch", dates=DATE_RANGE)
    assert len(copies[0].doubts) > len(COLUMNS)
    for doubt in copies[0].doubts:
        plan = engine.raw_sql(
            f"EXPLAIN ANALYZE SELECT * FROM read_parquet('{copies[0].path}') WHERE {doubt}"
        ).fetchall()[0][1]
        assert "EMPTY_RESULT" in plan, doubt
