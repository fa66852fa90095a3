"""Read the beginning of a file as columns of text, with the settings needed to read it; for ``workbench new``."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.values.dates import guess_dates
from workbench.intake.reading.json_records import find_keys, find_objects, list_paths
from workbench.intake.reading.parquet_heads import parquet_shape
from workbench.intake.reading.places import form_of
from workbench.intake.reading.text.header_rows import rows_above
from workbench.intake.reading.text.records import WHITESPACE, Record, RejectedRecord, read_records, split_line
from workbench.intake.reading.text.text_files import open_bytes, read_head, readable
from workbench.intake.reading.workbooks import cell_text, hidden_sheets, read_sheet, sheet_names

__all__ = ["MAX_RECORDS", "Sample", "take_samples"]

MAX_RECORDS = 20_000
_EDGES = " \t\r\n\u00a0\u3000\ufeff"
_FEW = 3


@dataclass(frozen=True)
class Sample:
    """The first records of a file or sheet.

    Attributes
    ----------
    path : str
        As written in a profile.
    settings : dict
        Keys of a source needed to read it: separator, header, sheet, records.
    names : list of str
        Column names; positions from 1 where the file has no header.
    columns : list of list of str
        Cells by column, surrounding blanks removed, empty where blank.
    records : int
        Records read.
    complete : bool
        Whether the file has no more.
    encoding : str
    unread : int
        Lines that are not a full record, or not text.
    encoding_rivals : tuple of str
        Encodings in which the file is about as plausible.
    records_inside : int
        The first line of a cell whose inner lines would be records by themselves; 0 where there is none.
    left : Reason or None
        Why the sheet is not looked at.
    """

    path: str
    settings: dict[str, Any]
    names: list[str]
    columns: list[list[str]]
    records: int
    complete: bool
    encoding: str
    unread: int = 0
    encoding_rivals: tuple[str, ...] = ()
    records_inside: int = 0
    left: Reason | None = None

    @property
    def header(self) -> bool:
        """Whether the file names its columns."""
        return self.settings.get("header", True)


def take_samples(path: Path, relative_path: str) -> list[Sample]:
    """Take the first records of a file, of every sheet of a workbook that holds some.

    Parameters
    ----------
    path : Path
    relative_path : str
        The file's path within the workspace.

    Raises
    ------
    DataError
        The file is missing, empty, unreadable, or of a form that is not read.
    """
    form = form_of(path)
    if form == "workbook":
        return _sample_workbook(path, relative_path)
    return [{"json": _sample_json, "parquet": _sample_parquet, "text": _sample_text}[form](path, relative_path)]


def _sample_text(path: Path, relative_path: str) -> Sample:
    head = read_head(path, find_header=True)
    lines = (line for line in _lines(path, head.encoding) if line[0] > head.skip)
    first_lines = list(itertools.islice(lines, MAX_RECORDS + 1))
    complete = next(lines, None) is None
    separator, width = head.separator, head.width
    if width == 1 and (blanks := _width_by_blanks([text for _, text in first_lines])):
        separator, width = WHITESPACE, blanks
    records = [record for record in read_records(first_lines, width=width, separator=separator) if record is not None]
    rows = [record.fields for record in records if isinstance(record, Record)]
    unread = sum(isinstance(record, RejectedRecord) for record in records)
    header = bool(records) and isinstance(records[0], Record) and names_columns(rows)
    settings: dict[str, Any] = {"encoding": head.encoding}
    settings |= {"separator": separator} if separator == WHITESPACE else {}
    settings |= {"skip_rows": head.skip} if head.skip else {}
    sample = _sample(
        relative_path, rows, header, settings, complete=complete, encoding=head.encoding, unread=unread, width=width
    )
    inside = next((record.inside for record in records if isinstance(record, Record) and record.inside), 0)
    return replace(sample, encoding_rivals=head.rivals, records_inside=inside)


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    with readable(path), open_bytes(path) as stream:
        text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline=None)
        for number, line in enumerate(text, 1):
            yield number, (line.removeprefix("\ufeff") if number == 1 else line).rstrip("\n").replace("\0", "")


def _width_by_blanks(lines: Sequence[str]) -> int:
    """Return the fields of a line where blanks split all lines into as many fields, one of them numeric; else 0."""
    rows = [split_line(line, WHITESPACE).fields for line in lines[:200] if line.strip(_EDGES)]
    widths = {len(row) for row in rows}
    if len(rows) < _FEW or len(widths) != 1 or widths == {1}:
        return 0
    numeric = any(all(_is_number(row[at]) for row in rows[1:]) for at in range(len(rows[0])))
    return len(rows[0]) if numeric else 0


def _sample_workbook(path: Path, relative_path: str) -> list[Sample]:
    samples, faults = [], []
    hidden = hidden_sheets(path)
    names = sheet_names(path)
    for name in names:
        if name in hidden and len(hidden) < len(names):
            left = Reason("sheet_hidden")
            samples.append(Sample(relative_path, {"sheet": name}, [], [], 0, True, "workbook", left=left))
            continue
        try:
            sheet = read_sheet(path, sheet=name, header=False)
        except DataError as error:  # one empty sheet among others is allowed
            faults += error.faults
            continue
        width = max(len(cells) for _, cells in sheet.rows)
        rows = [[cell_text(cell) or "" for cell in [*cells, *[""] * (width - len(cells))]] for _, cells in sheet.rows]
        if len(rows) < 2:  # noqa: PLR2004  (a header and a record)
            left = Reason("sheet_few")
            samples.append(Sample(relative_path, {"sheet": name}, [], [], len(rows), True, "workbook", left=left))
            continue
        settings: dict[str, Any] = {"sheet": name} if len(names) > 1 else {}
        above = rows_above(rows)
        if above:
            settings["skip_rows"] = sheet.rows[above][0] - 1
            rows = rows[above:]
            width = max(len(row) for row in rows)
        first_rows = rows[: MAX_RECORDS + 1]
        samples.append(
            _sample(relative_path, first_rows, names_columns(rows), settings, complete=len(rows) == len(first_rows),
                    encoding="workbook", unread=0, width=width)
        )  # fmt: skip
    if all(sample.left is not None for sample in samples):
        raise DataError(faults or Fault(path.name, "no sheet holds a header and a record", "At least one record"))
    return samples


def _sample_json(path: Path, relative_path: str) -> Sample:
    places = list_paths(path)
    records = places[0] if places else None
    objects, encoding = find_objects(path, records=records, most=MAX_RECORDS + 1)
    rows = [value for value in objects if isinstance(value, dict)]
    names = [name for name in find_keys(rows) if not any(isinstance(_value_at(row, name), dict) for row in rows[:50])]
    columns = [[_json_text(_value_at(row, name)) for row in rows[:MAX_RECORDS]] for name in names]
    settings = {"records": records} if records else {}
    complete = len(objects) <= MAX_RECORDS
    return Sample(relative_path, settings, names, columns, min(len(rows), MAX_RECORDS), complete, encoding,
                  unread=len(objects) - len(rows))  # fmt: skip


def _value_at(record: dict, name: str) -> Any:
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _json_text(value: Any) -> str:
    if value is None:
        return ""
    return value.strip(_EDGES) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sample_parquet(path: Path, relative_path: str) -> Sample:
    names, rows = parquet_shape(path)
    try:
        table = next(pq.ParquetFile(path).iter_batches(MAX_RECORDS), None)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(Fault(path.name, "the rows of the Parquet file cannot be read", "", "Copy it again")) from error
    if table is None:
        raise DataError(Fault(path.name, "holds columns and no row", "At least one row"))
    columns = [
        ["" if cell is None else str(cell).strip(_EDGES) for cell in column.to_pylist()] for column in table.columns
    ]
    return Sample(
        relative_path,
        {},
        [name.strip(_EDGES) for name in names],
        columns,
        table.num_rows,
        table.num_rows == rows,
        "parquet",
    )


def _sample(
    relative_path: str, rows: list[list[str]], header: bool, settings: dict[str, Any], *, complete: bool, encoding: str,
    unread: int, width: int,
) -> Sample:  # fmt: skip
    names = [name.strip(_EDGES) for name in rows[0]] if header else [str(at) for at in range(1, width + 1)]
    records = rows[int(header) :][:MAX_RECORDS]
    columns = [[row[at].strip(_EDGES) for row in records] for at in range(width)]
    if not header:
        settings = {"header": False, **settings}
    return Sample(relative_path, settings, names, columns, len(records), complete, encoding, unread)


def names_columns(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names the columns: it has no number or date where the rows below have them.

    Examples
    --------
    >>> names_columns([["id", "date"], ["1", "2024-05-01"]]), names_columns([["00004", "1.5"], ["00021", "2.5"]])
    (True, False)
    """
    if len(rows) < 2:  # noqa: PLR2004  (nothing to compare with)
        return True
    below = rows[1:201]
    typed_names, untyped_names = 0, 0
    for at, name in enumerate(rows[0]):
        values = [row[at].strip(_EDGES) for row in below if at < len(row) and row[at].strip(_EDGES)]
        if values and all(_is_typed(value) for value in values):
            typed_names += _is_typed(name.strip(_EDGES))
            untyped_names += not _is_typed(name.strip(_EDGES))
    return untyped_names >= typed_names


def _is_typed(text: str) -> bool:
    return bool(text) and (_is_number(text) or guess_dates([text]) is not None)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return text.lower() not in ("nan", "inf", "infinity")
