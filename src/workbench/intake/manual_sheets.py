"""A small sheet that people fill by hand: made with its header where it is absent, read like any file."""

from __future__ import annotations

import csv
from pathlib import Path

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_file
from workbench.core.params import SourceParams
from workbench.intake.surveys.reading import find_questionnaire

__all__ = ["make_sheet", "sheet_header"]


def sheet_header(source: SourceParams, root: Path) -> list[str]:
    """Return the columns of a sheet: those its source maps and carries, and the questions of a wide survey."""
    mapped = (*source.columns.values(), *source.attributes.values(), *source.questions.values())
    asked = find_questionnaire(source, root) if source.layout == "wide" and not source.questions else None
    return list(dict.fromkeys([*map(str, mapped), *(asked.questions if asked else ())]))


def make_sheet(source: SourceParams, root: Path) -> Path | None:
    """Write an empty sheet where there is none; one that is there is never touched.

    Parameters
    ----------
    source : SourceParams
        With ``manual: true``; its path ends in .csv (UTF-8 with mark, as spreadsheets want it) or .xlsx.
    root : Path
        The workspace.

    Returns
    -------
    Path or None
        The new sheet.

    Raises
    ------
    DataError
        The path is no single .csv or .xlsx file.
    """
    path = root / source.path
    if path.is_file():
        return None
    names = sheet_header(source, root)
    if path.suffix == ".csv":
        return write_file(path, lambda target: _write_csv(target, names), mode=0o600)
    if path.suffix == ".xlsx":
        return write_file(path, lambda target: _write_workbook(target, names), mode=0o600)
    raise DataError(Fault(source.path, "a manual sheet of this form cannot be made", "A path ending in .csv or .xlsx"))


def _write_csv(target: Path, names: list[str]) -> None:
    with target.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerow(names)


def _write_workbook(target: Path, names: list[str]) -> None:
    import openpyxl  # noqa: PLC0415  (only where a workbook is made)

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(names)
    for cells in sheet.iter_cols(min_row=1, max_row=1):
        sheet.column_dimensions[cells[0].column_letter].number_format = "@"  # ids stay text
        cells[0].font = openpyxl.styles.Font(bold=True)
    sheet.freeze_panes = "A2"
    book.save(target)
