"""Sheets that people fill in by hand: created with a header if missing, then read like any file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_file
from workbench.intake.reading.joined import named_parts
from workbench.intake.surveys.questionnaire import Questionnaire, find_questionnaire

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["guide_rows", "make_sheet", "sheet_header"]

_GUIDE = {"en": "guide", "zh": "填写说明"}
_WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "head": ("section", "question", "answer", "options or bounds", "only if"), "single": "one option",
        "multiple": "one or more options, separated by ;", "scale": "whole number", "number": "number",
        "date": "date, such as 2026-05-01", "text": "text", "required": ", required", "and": " and ",
    },
    "zh": {
        "head": ("部分", "题目", "作答形式", "选项或范围", "仅当"), "single": "单选", "multiple": "多选，以；分隔",
        "scale": "整数评分", "number": "数字", "date": "日期，如 2026-05-01", "text": "文字", "required": "，必答",
        "and": "且",
    },
}  # fmt: skip
_WIDTHS = (12, 42, 26, 60, 42)
_MOST, _LAST_ROW = 250, 10_000  # character limit of a drop-down list; last row with a drop-down list


def sheet_header(source: SourceParams, root: Path, language: str = "en") -> list[str]:
    """Return the columns of a sheet: mapped columns, attributes, and the question texts of a wide survey."""
    own = (source_column for _, source_column in named_parts(source.columns))
    mapped = (*own, *source.attributes.values(), *source.questions.values())
    questionnaire = _questionnaire_of(source, root)
    texts = questionnaire.headers(language).values() if questionnaire else ()
    return list(dict.fromkeys([*map(str, mapped), *texts]))


def make_sheet(source: SourceParams, root: Path, language: str = "en") -> Path | None:
    """Write an empty sheet if there is none; never change an existing one.

    Parameters
    ----------
    source : SourceParams
        With ``manual: true``; its path ends in .csv (UTF-8 with byte order mark, for spreadsheets) or .xlsx. A workbook
        for a questionnaire offers the options of single choices and has a second sheet that lists the valid answers.
    root : Path
        The workspace.
    language : str
        Language of the questions, en or zh.

    Returns
    -------
    Path or None
        The new sheet; None if it existed already.

    Raises
    ------
    DataError
        The path is not a single .csv or .xlsx file.
    """
    path = root / source.path
    if path.is_file():
        return None
    names = sheet_header(source, root, language)
    if path.suffix == ".csv":
        return write_file(path, lambda target: _write_csv(target, names), mode=0o600)
    if path.suffix == ".xlsx":
        return write_file(
            path, lambda target: _write_workbook(target, names, _questionnaire_of(source, root), language), mode=0o600
        )
    raise DataError(Fault(source.path, "a manual sheet of this form cannot be made", "A path ending in .csv or .xlsx"))


def _write_csv(target: Path, names: list[str]) -> None:
    with target.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerow(names)


def _questionnaire_of(source: SourceParams, root: Path) -> Questionnaire | None:
    """Return the questionnaire whose questions are columns of the sheet, if any."""
    return find_questionnaire(source, root) if source.layout == "wide" and not source.questions else None


def _write_workbook(target: Path, names: list[str], questionnaire: Questionnaire | None, language: str) -> None:
    import openpyxl  # noqa: PLC0415  (only where a workbook is made)

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(names)
    for cells in sheet.iter_cols(min_row=1, max_row=1):
        sheet.column_dimensions[cells[0].column_letter].number_format = "@"  # ids stay text
        cells[0].font = openpyxl.styles.Font(bold=True)
    sheet.freeze_panes = "A2"
    if questionnaire:
        _offer_options(sheet, names, questionnaire, language)
        guide = book.create_sheet(_GUIDE[language])
        for row in guide_rows(questionnaire, language):
            guide.append(row)
        for letter, width in zip("ABCDE", _WIDTHS, strict=True):
            guide.column_dimensions[letter].width = width
    book.save(target)


def guide_rows(questionnaire: Questionnaire, language: str) -> list[list[str]]:
    """Return one row per question: section, question, type of answer, options or bounds, condition."""
    words = _WORDS[language]
    rows, headers = [list(words["head"])], questionnaire.headers(language)
    for key, question in questionnaire.questions.items():
        options = " / ".join(getattr(option, language) for option in question.options.values())
        bounds = [f"{bound:g}" for bound in (question.low, question.high) if bound is not None]
        form = words[question.answer] + (words["required"] if question.required else "")
        branch = words["and"].join(
            f"{getattr(questionnaire.questions[other].ask, language)} = "
            + " / ".join(getattr(questionnaire.questions[other].options[code], language) for code in codes)
            for other, codes in question.only_if.items()
        )
        section = getattr(questionnaire.sections[question.section], language)
        rows.append([section, headers[key], form, options or " – ".join(bounds), branch])
    return rows


def _offer_options(sheet: Any, names: list[str], questionnaire: Questionnaire, language: str) -> None:
    """Add a drop-down list to single-choice cells; other values are checked when the sheet is read."""
    from openpyxl.utils import get_column_letter  # noqa: PLC0415
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415

    headers = questionnaire.headers(language)
    for key, question in questionnaire.questions.items():
        texts = [getattr(option, language) for option in question.options.values()]
        choices = ",".join(texts)
        if question.answer != "single" or any(sign in text for text in texts for sign in ',"') or len(choices) > _MOST:
            continue
        letter = get_column_letter(names.index(headers[key]) + 1)
        choice = DataValidation(type="list", formula1=f'"{choices}"', allow_blank=True, showErrorMessage=False)
        choice.add(f"{letter}2:{letter}{_LAST_ROW}")
        sheet.add_data_validation(choice)
