"""What would not fit into memory is refused by its size, with the bound named, before anything reads it."""

import gzip
import zipfile

import openpyxl
import pytest

from workbench.core.errors import DataError
from workbench.intake.reading import workbook_cells, workbooks
from workbench.intake.reading.text import size_bounds
from workbench.intake.reading.text.text_scan import scan_text
from workbench.intake.reading.workbooks import read_sheet


def test_a_line_that_fits_is_read_and_a_longer_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(size_bounds, "_MOST_LINE_BYTES", 3 << 20)
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1," + b"9" * 3_000_000 + b"\n2,3\n"))
    assert scan_text(path).lines == 3
    path.write_bytes(gzip.compress(b"a,b\n1," + b"9" * 3_200_000 + b"\n2,3\n"))
    with pytest.raises(DataError, match=r"orders.csv.gz: a line of more than 3 MiB. At most 3 MiB a line"):
        scan_text(path)


def test_lines_that_end_by_a_carriage_return_count_too(tmp_path, monkeypatch):
    monkeypatch.setattr(size_bounds, "_MOST_LINE_BYTES", 1 << 20)
    path = tmp_path / "mac.csv"
    path.write_bytes(b"a,b\r" + b"1,2\r" * 600_000)
    assert scan_text(path).lines == 600_001


def test_a_file_that_unpacks_to_many_times_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(size_bounds, "_RATIO_FROM_BYTES", 1 << 20)
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 2_000_000))
    with pytest.raises(DataError, match="unpacks to more than 200 times"):
        scan_text(path)
    monkeypatch.setattr(size_bounds, "_RATIO_FROM_BYTES", 1 << 30)
    assert scan_text(path).lines == 2_000_001


@pytest.fixture
def workbook(tmp_path):
    book = openpyxl.Workbook()
    for row in range(400):
        book.active.append([f"n{row}", row, row * 2])
    book.save(tmp_path / "orders.xlsx")
    return tmp_path / "orders.xlsx"


def test_a_part_of_a_workbook_is_bounded_before_it_is_unpacked(workbook, monkeypatch):
    monkeypatch.setattr(workbook_cells, "_MOST_BYTES", 1 << 12)
    with pytest.raises(DataError, match=r"sheet1.xml unpacks to 0 MiB. At most 0 MiB of one part. Export the sheet"):
        read_sheet(workbook)


def test_a_sheet_has_a_bound_of_cells(workbook, monkeypatch):
    assert len(read_sheet(workbook).rows) == 399
    monkeypatch.setattr(workbooks, "MOST_CELLS", 1_000)
    workbooks._read_sheet.cache_clear()
    with pytest.raises(DataError, match=r"has 400 rows x 3 columns. At most 1,000 cells"):
        read_sheet(workbook)


def test_cells_without_a_place_of_their_own_count_too(workbook, tmp_path, monkeypatch):
    monkeypatch.setattr(workbook_cells, "MOST_CELLS", 1_000)
    monkeypatch.setattr(workbooks, "MOST_CELLS", 1_000)
    with zipfile.ZipFile(workbook) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    head, _, _ = parts["xl/worksheets/sheet1.xml"].partition(b"<row")
    rows = b"<row>" + b"<c><v>1</v></c>" * 3_000 + b"</row>"
    parts["xl/worksheets/sheet1.xml"] = head + rows + b"</sheetData></worksheet>"
    with zipfile.ZipFile(tmp_path / "many.xlsx", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    with pytest.raises(DataError, match="At most 1,000 cells"):
        read_sheet(tmp_path / "many.xlsx")


def test_a_stray_cell_in_the_last_corner_is_named(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["order_id", "amount"])
    book.active.append(["o1", 3])
    book.active["XFD1048576"] = "x"
    book.save(tmp_path / "far.xlsx")
    with pytest.raises(DataError, match="cell XFD1048576 lies far from the other 4 cells"):
        read_sheet(tmp_path / "far.xlsx")
