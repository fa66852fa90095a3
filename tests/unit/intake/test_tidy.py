"""Tidy files are read in one pass, and every answer is that of the exact way."""

from __future__ import annotations

import datetime as dt
import random
import re
from pathlib import Path

import ibis
import pytest

from workbench.core.params import SourceParams
from workbench.intake import sources
from workbench.intake.canonical import take_in
from workbench.intake.text_scan import scan_text

COLUMNS = ("order_id", "customer_id", "ordered_at", "product_id", "quantity", "unit_price")
HEADER = ",".join(COLUMNS) + "\n"
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


def answer(folder: Path, **more) -> tuple:
    """Return table, rejects and counts."""
    source = SourceParams(path="*.csv", table="transactions", columns={each: each for each in COLUMNS}, **more)
    engine, scratch = ibis.duckdb.connect(), folder / f"scratch{len(list(folder.glob('scratch*')))}"
    scratch.mkdir()
    taken = take_in(engine, {"orders": source}, root=folder, scratch=scratch, date_min=dt.date(1900, 1, 2),
                    date_max=dt.date(2030, 1, 1))  # fmt: skip
    table = taken.tables["transactions"].to_pyarrow()
    rejects = taken.rejects.to_pyarrow().to_pylist()
    return table, sorted(map(repr, rejects)), taken.metrics


def both(folder: Path, monkeypatch: pytest.MonkeyPatch, **more) -> tuple[tuple, tuple, list[bool]]:
    """Read a folder in one pass where it may be, then exactly; also say whether it was read in one pass."""
    used: list[bool] = []
    tidy = sources._read_tidy

    def noted(*args, **kwargs):
        found = tidy(*args, **kwargs)
        used.append(found is not None)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(sources, "_read_tidy", noted)
        quick = answer(folder, **more)
        patch.setattr(sources, "_read_tidy", lambda *args, **kwargs: None)
        exact = answer(folder, **more)
    return quick, exact, used


def lines(seed: int, count: int, *, odd: float) -> str:
    """Write order lines, of whose cells a share is odd."""
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


def test_a_clean_file_is_read_in_one_pass_and_gives_what_the_exact_way_gives(tmp_path, monkeypatch):
    (tmp_path / "orders.csv").write_text(HEADER + lines(1, 500, odd=0.0), encoding="utf-8")
    quick, exact, used = both(tmp_path, monkeypatch)
    assert used == [True]
    assert quick[0].num_rows == 500
    assert quick[0].equals(exact[0])
    assert quick[1:] == exact[1:]


@pytest.mark.parametrize("seed", range(3))
def test_odd_cells_of_a_tidy_file_are_judged_alike_by_both_ways(tmp_path, monkeypatch, seed):
    (tmp_path / "a.csv").write_text(HEADER + lines(seed, 300, odd=(0.02, 0.3, 0.9)[seed % 3]), encoding="utf-8")
    (tmp_path / "b.csv").write_text(HEADER.rstrip() + " \r\n" + lines(seed + 50, 40, odd=0.1).replace("\n", "\r\n"),
                                    encoding="utf-8", newline="")  # fmt: skip
    quick, exact, used = both(tmp_path, monkeypatch)
    assert used == [True]
    assert len(quick[1]) > 0
    assert quick[0].equals(exact[0])
    assert quick[1:] == exact[1:]


@pytest.mark.parametrize(
    "formats",
    [{"time_zone": "Asia/Shanghai"}, {"dates": ["%Y-%m-%d %H:%M:%S", "%Y/%m/%d"]}, {"decimals": "."},
     {"units": {"unit_price": "fen"}}, {"stored_in": "UTC", "time_zone": "Asia/Shanghai"}],
    ids=["zone", "patterns", "decimals", "unit", "stored"],
)  # fmt: skip
def test_declared_formats_are_read_alike_by_both_ways(tmp_path, monkeypatch, formats):
    (tmp_path / "orders.csv").write_text(HEADER + lines(9, 300, odd=0.3), encoding="utf-8")
    quick, exact, used = both(tmp_path, monkeypatch, formats=formats)
    assert used == [True]
    assert quick[0].equals(exact[0])
    assert quick[1:] == exact[1:]


def test_chinese_text_in_gb18030_is_read_in_one_pass(tmp_path, monkeypatch):
    header = HEADER.replace("\n", ",channel\n")
    rows = [line + ",天猫" for line in lines(4, 50, odd=0.0).splitlines()]
    (tmp_path / "orders.csv").write_bytes((header + "\n".join(rows)).encode("gb18030"))
    quick, exact, used = both(tmp_path, monkeypatch)
    assert used == [True]
    assert quick[0].equals(exact[0])
    assert quick[1:] == exact[1:]
    assert quick[2]["orders.encoding"] == "gb18030"


@pytest.mark.parametrize(
    "change",
    [lambda text: text.replace("A3,", "Ａ3,"), lambda text: re.sub(r",C(\d),", r",\1.0,", text),
     lambda text: "\n".join(line.replace("A", "123456789012345000", 1) for line in text.splitlines())],
    ids=["full-width ids", "ids end in .0", "long ids rounded"],
)  # fmt: skip
def test_ids_that_need_repair_go_the_exact_way(tmp_path, monkeypatch, change):
    (tmp_path / "orders.csv").write_text(HEADER + change(lines(2, 60, odd=0.0)), encoding="utf-8")
    quick, exact, used = both(tmp_path, monkeypatch)
    assert used == [False]
    assert quick[0].equals(exact[0])
    assert quick[1:] == exact[1:]


@pytest.mark.parametrize("seed", range(5))
def test_damaged_bytes_give_the_same_answer(tmp_path, monkeypatch, seed):
    content, rnd = bytearray((HEADER + lines(seed, 120, odd=0.05)).encode()), random.Random(seed)
    for _ in range(3):
        content[rnd.randrange(len(HEADER), len(content))] = rnd.choice(b' ,"\n\r\t\x0b\xc2\xa0;0Z.')
    (tmp_path / "orders.csv").write_bytes(bytes(content))
    quick, exact, _ = both(tmp_path, monkeypatch)
    assert quick[0].equals(exact[0])
    assert quick[1:] == exact[1:]


@pytest.mark.parametrize(
    ("text", "trimmed"),
    [("a\nx\n", True), ("a \nx y\n", True), ("a\n x\n", False), ("a\nx \n", False), ("a\nx ", False), ("a\nx\ty\n", False),
     ('a\n" x"\n', False), ('a\n"x "\n', False), ("a\nx,y ,z\n", False), ("a\nx\u3000\n", False), ("a\nx\xa0\n", False),
     ("a\r\nx\r\n", True), ("a\r\nx \r\n", False), ("a\n客户\n", True), ("a\nx\v\n", False), ("a\n“x”\n", False)],
)  # fmt: skip
def test_a_blank_that_may_stand_at_the_edge_of_a_cell_is_seen(tmp_path, text, trimmed):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert scan_text(path, header=True).trimmed is trimmed


def test_only_printable_ascii_is_called_printable(tmp_path):
    path = tmp_path / "a.csv"
    for text, printable in (("名\nx1\n", True), ("a\n客户\n", False), ("a\nx\x01\n", False), ("a\nx\x7f\n", False)):
        path.write_text(text, encoding="utf-8")
        assert scan_text(path, header=True).printable is printable
