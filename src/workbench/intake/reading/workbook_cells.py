"""Facts from a workbook's XML that the cell values do not show: errors, formulas without a value, stray cells."""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from workbench.core.errors import DataError, Fault

__all__ = ["ERRORS", "MOST_CELLS", "SheetMarks", "check_parts", "read_marks"]

ERRORS = ("#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")
_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_MOST_BYTES = 400 << 20  # unpacked size of one part of a workbook
MOST_CELLS = 15_000_000  # of a sheet, from the first to the last
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, ElementTree.ParseError, KeyError, EOFError, OSError, RuntimeError, ValueError,
)  # fmt: skip
_REFERENCE = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
_EMPTY_FORMULA = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"[^>]*>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>'
)
_ERROR = re.compile(rb'<c\b(?=[^>]*\bt="e")[^>]*?\br="([A-Z]{1,3})(\d{1,7})"[^>]*>(?:(?!</c>).)*?<v>([^<]*)</v>', re.S)


@dataclass(frozen=True)
class SheetMarks:
    """Facts about the cells of a sheet; rows and columns count from 1.

    Attributes
    ----------
    last_row, last_column : int
    cells : int
        Cells that the sheet stores.
    far : str
        The last cell of the last row, as spreadsheets name it.
    errors : dict of (int, int) to str
        Cells with an error, such as ``#REF!``.
    formulas : frozenset of (int, int)
        Cells with a formula and no value.
    """

    last_row: int = 0
    last_column: int = 0
    cells: int = 0
    far: str = ""
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    formulas: frozenset[tuple[int, int]] = frozenset()


def check_parts(path: Path) -> None:
    """Refuse a workbook with a part that is too large for a reader, before reading it.

    Raises
    ------
    DataError
        A part is larger than the bound.
    """
    try:
        with zipfile.ZipFile(path) as book:
            largest = max(book.infolist(), key=lambda part: part.file_size, default=None)
    except _UNREADABLE:  # an old .xls, or a file that the value reader refuses
        return
    if largest is not None and largest.file_size > _MOST_BYTES:
        problem = f"{largest.filename} unpacks to {largest.file_size >> 20:,} MiB"
        remedy = "Export the sheet as CSV or Parquet, which may be of any size"
        raise DataError(Fault(path.name, problem, f"At most {_MOST_BYTES >> 20:,} MiB of one part", remedy))


@lru_cache(maxsize=4)
def read_marks(path: Path, state: tuple, sheet: str) -> SheetMarks:
    """Read the marks of a sheet of an ``.xlsx``; empty for other workbooks.

    Parameters
    ----------
    path : Path
    state : tuple
        The file's state, part of the cache key.
    sheet : str
    """
    content = _sheet_xml(path, sheet)
    if content is None:
        return SheetMarks()
    last_row = last_column = cells = 0
    if content.count(b"<c") > 2 * MOST_CELLS:  # also counts other tags that begin with <c
        return SheetMarks(MOST_CELLS, 2, 2 * MOST_CELLS)
    far = ""
    for match in _REFERENCE.finditer(content):
        cells += 1
        row, column = int(match[2]), _column(match[1])
        last_column = max(last_column, column)
        if row >= last_row:
            last_row, far = row, (match[1] + match[2]).decode()
    errors = {}
    if b't="e"' in content:
        errors = {(int(m[2]), _column(m[1])): m[3].decode("utf-8", "replace") for m in _ERROR.finditer(content)}
    formulas: frozenset[tuple[int, int]] = frozenset()
    if b"<f" in content:
        formulas = frozenset((int(m[2]), _column(m[1])) for m in _EMPTY_FORMULA.finditer(content))
    return SheetMarks(last_row, last_column, cells, far, errors, formulas)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _sheet_xml(path: Path, sheet: str) -> bytes | None:
    try:
        with zipfile.ZipFile(path) as book:
            target = _target(book, sheet)
            if target is None or book.getinfo(target).file_size > _MOST_BYTES:
                return None
            return book.read(target)
    except _UNREADABLE:  # the value reader reports the error
        return None


def _target(book: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the archive member of a sheet."""
    root = ElementTree.fromstring(book.read("xl/workbook.xml"))  # noqa: S314  (expat expands no external entity)
    sheet_node = next((node for node in root.iter(f"{_NAMESPACE}sheet") if node.get("name") == sheet), None)
    if sheet_node is None:
        return None
    relations = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    for relation in relations:
        if relation.get("Id") == sheet_node.get(_RELATED):
            target = relation.get("Target", "")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return None
