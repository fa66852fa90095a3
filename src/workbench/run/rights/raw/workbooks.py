"""Remove rows from workbooks (.xlsx, .xlsm); other cells keep value, formula and format."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.intake.reading.workbooks import cell_text
from workbench.run.rights.raw.rules import RowRules, judge_cells
from workbench.run.rights.raw.text_rows import Cleaned
from workbench.run.rights.traces.traces import ID_COLUMNS, Traces

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["clean_workbook"]


def clean_workbook(
    content: bytes, traces: Traces, *, rules: Sequence[RowRules] = (), sheet: str | None = None, macros: bool = False
) -> Cleaned:
    """Remove the rows of erased people from a workbook.

    Parameters
    ----------
    content : bytes
    traces : Traces
        Its words are masked in the remaining rows of every sheet.
    rules : sequence of RowRules
        For the named sheet; columns are positions from 1. Without rules, and in other sheets, ids are in the columns
        named ``customer_id``, ``source_id`` and the like.
    sheet : str, optional
    macros : bool
        Keep the macros of an .xlsm.
    """
    from openpyxl import load_workbook  # noqa: PLC0415  (slow to import)

    workbook = load_workbook(io.BytesIO(content), keep_vba=macros)
    result = Cleaned(content)
    for worksheet in workbook.worksheets:
        sheet_rules = rules if rules and sheet in (None, worksheet.title) else _by_header(worksheet, traces)
        _clean_sheet(worksheet, sheet_rules, traces, result)
    if result.changed:
        target = io.BytesIO()
        workbook.save(target)
        result.content = target.getvalue()
    return result


def _by_header(worksheet: Worksheet, traces: Traces) -> list[RowRules]:
    for row in worksheet.iter_rows(max_row=20, values_only=True):
        names = [str(cell).strip() if cell is not None else "" for cell in row]
        places = [at for at, name in enumerate(names, 1) if name in ID_COLUMNS]
        if places:
            return [RowRules(own=tuple(places), ids=traces.ids)]
    return []


def _clean_sheet(worksheet: Worksheet, rules: Sequence[RowRules], traces: Traces, result: Cleaned) -> None:
    doomed = []
    for number, row in enumerate(worksheet.iter_rows(), 1):
        verdict = judge_cells([_id_text(cell.value) for cell in row], rules)
        if verdict.remove:
            doomed.append(number)
            continue
        for place in verdict.blank:
            row[int(place) - 1].value = None
            result.blanked += 1
        for cell in row:
            if isinstance(cell.value, str) and traces.mentions(cell.value):
                cell.value = traces.masked(cell.value)
                result.blanked += 1
            if cell.comment is not None and traces.mentions(cell.comment.text):
                cell.comment = None
                result.blanked += 1
            if cell.hyperlink is not None and traces.mentions(str(cell.hyperlink.target or cell.hyperlink.location)):
                cell.hyperlink = None
                result.blanked += 1
    for start, length in _blocks(reversed(doomed)):
        worksheet.delete_rows(start, length)
    result.removed += len(doomed)


def _id_text(value: Any) -> str | None:
    return None if value is None else cell_text(value)


def _blocks(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Group descending row numbers into blocks of first row and length, the last block first."""
    blocks: list[tuple[int, int]] = []
    for number in numbers:
        if blocks and blocks[-1][0] == number + 1:
            blocks[-1] = (number, blocks[-1][1] + 1)
        else:
            blocks.append((number, 1))
    return blocks
