"""Read one sheet of an Excel workbook (.xlsx, .xlsm, .xls) as text cells; used by 01_check_quality.

Dates become ISO text, and whole numbers lose the ``.0`` that a workbook adds. Workbooks keep fifteen digits, so a
longer number is written in scientific notation, which marks a damaged id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine as calamine

from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.intake.reading.raw.raw_file import RawFile, file_state
from workbench.intake.reading.raw.scratch import LINE, REJECTS
from workbench.intake.reading.workbook_cells import MOST_CELLS, SheetMarks, check_parts, read_marks

__all__ = ["DATE_CELLS", "Sheet", "cell_text", "hidden_sheets", "read_sheet", "read_workbook_file", "sheet_names"]

NO_VALUE = "formula-without-value"
_FEW, _MOST_BLANK = 1_000_000, 200  # cells from the first to the last; blank cells per stored cell
_NOTES = 20  # largest number of rows above a header

# patterns of date cells, in addition to those a source declares
DATE_CELLS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")

_EXACT = 10**15  # larger integers have lost digits
_EDGES = " \t\r\n\u00a0\u3000\ufeff"


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook.

    Attributes
    ----------
    header : list of str
        Names in the first non-blank row; empty if the source declares no header.
    rows : list of (int, list)
        Row number in the sheet (from 1) and cells, without blank rows.
    blank : int
        Blank rows below the header.
    name : str
    hidden : tuple of str
        Hidden sheets of the workbook that are not read.
    marks : SheetMarks
        Errors and formulas without a value.
    """

    header: list[str]
    rows: list[tuple[int, list[Any]]]
    blank: int
    name: str = ""
    hidden: tuple[str, ...] = ()
    marks: SheetMarks = field(default_factory=SheetMarks)


def read_sheet(
    path: Path, *, sheet: str | int | None = None, header: bool = True, skip_rows: int | None = None,
    wanted: tuple[str, ...] = (),
) -> Sheet:  # fmt: skip
    """Read a sheet.

    Parameters
    ----------
    path : Path
    sheet : str or int, optional
        Name, or position from 1; default: the first visible sheet.
    header : bool
        Whether the first non-blank row has the column names.
    skip_rows : int, optional
        Rows above the header; default: none, or those above the row that has all wanted names.
    wanted : tuple of str
        Column names that the profile maps.

    Raises
    ------
    DataError
        Not a workbook, protected by a password, no such sheet, an empty one, or one with a cell far from all others.
    """
    return _read_sheet(path, file_state(path), sheet, header=header, skip_rows=skip_rows, wanted=wanted)


def read_workbook_file(
    engine: ibis.BaseBackend, path: Path, *, sheet: Sheet, columns: Mapping[str, int], scratch: Path
) -> RawFile:
    """Convert the mapped columns of a sheet to text cells.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    path : Path
    sheet : Sheet
    columns : mapping of str to int
        Our column to its position in the sheet, from 1.
    scratch : Path
        A private folder; the caller removes it.

    Returns
    -------
    RawFile
        Rows with a filled cell beyond the header are rejected as ``extra-cell``, rows with a formula without a value in
        a mapped column as ``formula-without-value``. Errors such as ``#REF!`` stay as text for the casts.
    """
    before = file_state(path)
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    width = len(sheet.header) or max((len(cells) for _, cells in sheet.rows), default=0)
    formulas = _empty_formulas(sheet, columns)
    good = [
        (line, cells)
        for line, cells in sheet.rows
        if line not in formulas and not any(_is_filled(cell) for cell in cells[width:])
    ]
    good_lines = {line for line, _ in good}
    surplus = [(line, cells) for line, cells in sheet.rows if line not in good_lines and line not in formulas]
    texts = {
        our_column: pa.array(
            [sheet.marks.errors.get((line, at)) or cell_text(_cell(cells, at)) for line, cells in good], pa.string()
        )
        for our_column, at in columns.items()
    }
    table = pa.table({LINE: pa.array([line for line, _ in good], pa.int64()), **texts})
    target = scratch / "rows.parquet"
    pq.write_table(table, target, compression="zstd")
    rejects = [{"line": line, "column": "", "code": "extra-cell", "raw": _as_line(cells)} for line, cells in surplus]
    rejects += [
        {"line": line, "column": column, "code": NO_VALUE, "raw": f"formula in {column}"}
        for line, column in formulas.items()
    ]
    pq.write_table(pa.Table.from_pylist(rejects, REJECTS), scratch / "rejects.parquet")
    for path_written in (target, scratch / "rejects.parquet"):
        path_written.chmod(0o600)
    if file_state(path) != before:
        raise DataError(Fault(path.name, "the file changed while it was read", "", "Wait until it is complete"))
    return RawFile(
        table=engine.read_parquet(str(target)),
        rejects=engine.read_parquet(str(scratch / "rejects.parquet")) if rejects else None,
        physical=len(sheet.rows),
        rows=len(good),
        codes={code: count for code, count in (("extra-cell", len(surplus)), (NO_VALUE, len(formulas))) if count},
        repairs={"blank_lines": sheet.blank} if sheet.blank else {},
        encoding="workbook",
        notes={"hidden_sheets": len(sheet.hidden)} if sheet.hidden else {},
    )


def _empty_formulas(sheet: Sheet, columns: Mapping[str, int]) -> dict[int, str]:
    """Return row to the first mapped column that has a formula without a value."""
    own = {at: our_column for our_column, at in columns.items()}
    rows: dict[int, str] = {}
    for row, at in sorted(sheet.marks.formulas):
        if at in own:
            rows.setdefault(row, own[at])
    return {line: rows[line] for line, _ in sheet.rows if line in rows}


def hidden_sheets(path: Path) -> list[str]:
    """List the hidden sheets of a workbook.

    Raises
    ------
    DataError
        Not a workbook, or protected by a password.
    """
    return [sheet.name for sheet in _open(path).sheets_metadata if sheet.visible != calamine.SheetVisibleEnum.Visible]


def sheet_names(path: Path) -> list[str]:
    """List the sheets of a workbook, including hidden ones.

    Raises
    ------
    DataError
        Not a workbook, or protected by a password.
    """
    return list(_open(path).sheet_names)


def _open(path: Path) -> calamine.CalamineWorkbook:
    check_parts(path)
    try:
        return calamine.CalamineWorkbook.from_path(path)
    except calamine.PasswordError as error:
        raise DataError(Fault(path.name, "the workbook is protected by a password", "", "Save it without")) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise DataError(Fault(path.name, f"no readable workbook ({error})", "", "Save it again as .xlsx")) from error


@lru_cache(maxsize=2)  # the check before a run and the run itself read the same sheet
def _read_sheet(
    path: Path, state: tuple, sheet: str | int | None, *, header: bool, skip_rows: int | None, wanted: tuple[str, ...]
) -> Sheet:
    book = _open(path)
    hidden = [own.name for own in book.sheets_metadata if own.visible != calamine.SheetVisibleEnum.Visible]
    own_name = _sheet_name(path, book, sheet, hidden)
    marks = read_marks(path, state, own_name)
    area = marks.last_row * marks.last_column
    if area > max(_FEW, _MOST_BLANK * marks.cells):
        problem = f"sheet '{own_name}': cell {marks.far} lies far from the other {marks.cells - 1:,} cells"
        raise DataError(Fault(path.name, problem, "A table without stray cells", "Clear that cell"))
    if area > MOST_CELLS:
        problem = f"sheet '{own_name}' has {marks.last_row:,} rows x {marks.last_column:,} columns"
        remedy = "Export it as CSV or Parquet, which may be of any size"
        raise DataError(Fault(path.name, problem, f"At most {MOST_CELLS:,} cells", remedy))
    try:
        opened = book.get_sheet_by_name(own_name)
        first = opened.start
        rows = list(opened.iter_rows())
    except calamine.CalamineError as error:
        raise DataError(Fault(path.name, f"the sheet cannot be read ({error})")) from error
    numbered = [(number + 1 + (first[0] if first else 0), cells) for number, cells in enumerate(rows)]
    numbered = [(number, cells) for number, cells in numbered if number > (skip_rows or 0)]
    filled = [(number, cells) for number, cells in numbered if any(_is_filled(cell) for cell in cells)]
    if not filled:
        raise DataError(Fault(path.name, "the sheet is empty", "A header row and at least one record"))
    shift = [""] * (first[1] if first else 0)
    filled = [(number, [*shift, *cells]) for number, cells in filled]
    if skip_rows is None and header and wanted:
        named = [
            at for at, (_, cells) in enumerate(filled[:_NOTES])
            if set(wanted) <= {(cell_text(cell) or "").strip(_EDGES) for cell in cells}
        ]  # fmt: skip
        filled = filled[named[0] :] if named else filled
    names = [cell_text(cell) or "" for cell in filled[0][1]] if header else []
    while names and not names[-1].strip(_EDGES):
        names.pop()
    records = filled[int(header) :]
    blank = sum(number > filled[0][0] for number, cells in numbered) - len(filled) + 1
    others = tuple(name for name in hidden if name != own_name)
    return Sheet([name.strip(_EDGES) for name in names], records, blank, own_name, others, marks)


def _sheet_name(path: Path, book: calamine.CalamineWorkbook, sheet: str | int | None, hidden: list[str]) -> str:
    names = book.sheet_names
    if isinstance(sheet, str):
        if sheet in names:
            return sheet
        raise DataError(Fault(path.name, f"no sheet '{sheet}'", "", did_you_mean(sheet, names)))
    if sheet is None:
        return next((name for name in names if name not in hidden), names[0])
    at = sheet
    if 1 <= at <= len(names):
        return names[at - 1]
    raise DataError(Fault(path.name, f"no sheet number {at}", f"It has {len(names)} sheets"))


def _is_filled(cell: Any) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip(_EDGES)))


def _cell(cells: list[Any], at: int) -> Any:
    return cells[at - 1] if at <= len(cells) else None


def cell_text(cell: Any) -> str | None:
    """Return a cell as text: dates as ISO, whole numbers without a decimal point, empty cells as None."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        return _number(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    return f"{cell.isoformat()} 00:00:00" if isinstance(cell, dt.date) else str(cell)


def _number(cell: int | float) -> str:
    if abs(cell) >= _EXACT:
        return f"{cell:.14E}"
    return str(int(cell)) if float(cell).is_integer() else repr(cell)


def _as_line(cells: list[Any]) -> str:
    return "\t".join(cell_text(cell) or "" for cell in cells)
