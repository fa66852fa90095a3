"""The feedback of a profile: people mark a tag, a merge, a recommendation or a segment name as wrong or right.

``data/feedback/<profile>.csv`` or ``.xlsx`` has one mark per row. The required columns depend on the kind of mark; of
two marks on the same item the later one counts.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault, did_you_mean, listed

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["COLUMNS", "KINDS", "PAIR", "feedback_faults", "feedback_file", "marks_of", "read_marks"]

PAIR = ("source", "source_id", "other_source", "other_source_id")
KINDS = {  # kind -> the columns that identify the marked item
    "tag": ("customer_id", "name"),
    "merge": PAIR,
    "recommendation": ("customer_id", "name"),
    "segment": ("name",),
}
COLUMNS = ("kind", "verdict", "customer_id", "name", "value", *PAIR, "by", "at", "note")
_ALWAYS = ("kind", "verdict", "by", "at")
_WORDS = {  # Chinese words -> English values
    "标签": "tag", "合并": "merge", "推荐": "recommendation", "客群": "segment", "客群名称": "segment",
    "错": "wrong", "错误": "wrong", "对": "right", "正确": "right",
}  # fmt: skip
_VERDICTS = ("wrong", "right")
_MOST_FAULTS = 50


def feedback_file(workspace: Workspace, profile: str) -> Path | None:
    """Return the feedback file of a profile; None if there is none.

    Raises
    ------
    DataError
        There are two files.
    """
    folder = workspace.root / "data" / "feedback"
    paths = [path for ending in (".csv", ".xlsx") if (path := folder / f"{profile}{ending}").is_file()]
    if len(paths) > 1:
        problem = f"both {profile}.csv and {profile}.xlsx exist"
        raise DataError(Fault("data/feedback", problem, "One file for each profile", "Merge them, remove one"))
    return paths[0] if paths else None


def feedback_faults(workspace: Workspace, profile: str) -> list[Fault]:
    """Return the faults of the feedback of a profile, all together."""
    try:
        read_marks(workspace, profile)
    except DataError as error:
        return error.faults
    return []


def read_marks(workspace: Workspace, profile: str) -> list[dict[str, str]]:
    """Read the feedback of a profile.

    Parameters
    ----------
    workspace : Workspace
    profile : str

    Returns
    -------
    list of dict
        ``COLUMNS`` as text, blank where a row has none; ``at`` is a date and time in ISO form. Empty without a file.

    Raises
    ------
    DataError
        A column is missing, or a row lacks a value that its kind needs; each fault with its line.
    """
    path = feedback_file(workspace, profile)
    if path is None:
        return []
    label = workspace.relative(path)
    header, rows = _cells(path, label)
    missing = [name for name in _ALWAYS if name not in header]
    if missing:
        raise DataError(Fault(label, f"no column {listed(missing)}", f"Expected {listed(COLUMNS)}"))
    marks: list[dict[str, str]] = []
    faults: list[Fault] = []
    for line, cells in rows:
        values = {name: cells.get(name, "").strip() for name in COLUMNS}
        if not any(values.values()):
            continue
        row_faults = list(_tidy(values, f"{label}, line {line}"))
        faults += row_faults
        marks += [] if row_faults else [values]
    if faults:
        more = [Fault(label, f"{len(faults) - _MOST_FAULTS} more faults")] if len(faults) > _MOST_FAULTS else []
        raise DataError([*faults[:_MOST_FAULTS], *more])
    return marks


def marks_of(marks: list[dict[str, str]], kind: str) -> list[dict[str, str]]:
    """Return the valid marks of one kind: the latest mark per item, by time and then by line.

    Parameters
    ----------
    marks : list of dict
        `read_marks`.
    kind : str
        One of ``KINDS``.
    """
    latest: dict[tuple[str, ...], dict[str, str]] = {}
    for mark in sorted((mark for mark in marks if mark["kind"] == kind), key=lambda mark: mark["at"]):
        latest[tuple(mark[name] for name in KINDS[kind])] = mark
    return [latest[thing] for thing in sorted(latest)]


def _tidy(values: dict[str, str], where: str) -> Iterator[Fault]:
    """Normalise the values of a row in place; yield its faults."""
    kind = values["kind"] = _WORDS.get(values["kind"], values["kind"].lower())
    verdict = values["verdict"] = _WORDS.get(values["verdict"], values["verdict"].lower())
    if kind not in KINDS:
        yield Fault(where, f"kind {kind!r}", did_you_mean(kind, KINDS))
    if verdict not in _VERDICTS:
        yield Fault(where, f"verdict {verdict!r}", "Expected wrong or right")
    absent = [name for name in (*KINDS.get(kind, ()), "by", "at") if not values[name]]
    if absent:
        yield Fault(where, f"{listed(absent)} is blank", f"Every mark says who and when; a {kind} also what")
    if values["at"]:
        try:
            values["at"] = dt.datetime.fromisoformat(values["at"]).isoformat()
        except ValueError:
            yield Fault(where, f"at {values['at']!r} is no date", "Expected YYYY-MM-DD, or with a time")
    if kind == "merge":
        pair = sorted([(values["source"], values["source_id"]), (values["other_source"], values["other_source_id"])])
        values.update(zip(PAIR, (*pair[0], *pair[1]), strict=True))
        if pair[0] == pair[1] and not absent:
            yield Fault(where, "a record is paired with itself", "Two records")


def _cells(path: Path, label: str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Return the header, and each row with its line."""
    rows = _sheet(path, label) if path.suffix == ".xlsx" else _text(path, label)
    header = [name.strip().lower() for name in rows[0]] if rows else []
    return header, ((at, dict(zip(header, row, strict=False))) for at, row in enumerate(rows[1:], start=2))


def _text(path: Path, label: str) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(Fault(label, f"cannot be read: {error}", "CSV in UTF-8")) from None


def _sheet(path: Path, label: str) -> list[list[str]]:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415

    try:
        book = CalamineWorkbook.from_path(str(path))
        rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError) as error:
        raise DataError(Fault(label, f"cannot be read: {error}", "A workbook")) from None
    return [[_plain(cell) for cell in row] for row in rows]


def _plain(cell: object) -> str:
    """Return a cell as text: whole numbers without a decimal point, dates in ISO form."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, (dt.date, dt.datetime)) else str(cell)
