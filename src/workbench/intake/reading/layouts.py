"""Find the mapped columns of a source in each of its files; a missing column is reported with similar names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault, did_you_mean, listed
from workbench.intake.reading.joined import named_parts
from workbench.intake.reading.places import form_of, is_remote
from workbench.intake.reading.text.text_files import Head, read_head

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.reading.workbooks import Sheet

__all__ = ["Layout", "read_layout"]

_MEASURES, _DATED = ("money", "quantity", "number", "integer"), ("date", "timestamp")
_EDGES = " \t\r\n\u00a0\u3000\ufeff"


@dataclass(frozen=True)
class Layout:
    """A file and the positions of its mapped columns.

    Attributes
    ----------
    path : Path
    columns : dict of str to int
        Our column (canonical column or attribute) to its position in the file, from 1.
    dropped : list of str
        Columns of the file that are neither mapped nor declared as attributes.
    names : list of str
        Column names of the file, as written.
    head : Head or None
        Head of a text file.
    sheet : Sheet or None
        Sheet of a workbook.
    """

    path: Path
    columns: dict[str, int]
    dropped: list[str]
    names: list[str]
    head: Head | None = None
    sheet: Sheet | None = None


def read_layout(source: SourceParams, path: Path) -> Layout:
    """Find the mapped columns of a source in a file.

    Raises
    ------
    DataError
        Missing, repeated and surplus columns, all together; a file without a record, or of an unsupported format.
    """
    form = form_of(path)
    if form == "parquet":
        return _parquet_layout(source, path)
    if form == "workbook":
        return _workbook_layout(source, path)
    if form == "json":
        return _json_layout(source, path)
    head = read_head(path, encoding=source.encoding, separator=source.separator, header=source.header,
                     wanted=_wanted(source), skip_rows=source.skip_rows)  # fmt: skip
    if not source.header:
        return _positional_layout(source, path, head.width, head=head)
    faults = _duplicates(source, path, head.header)
    columns = _positions(source, path, head.header, faults)
    if not head.first and not source.manual:
        faults.append(Fault(path.name, "holds a header and no record", "At least one record"))
    elif len(head.first) > head.width:
        problem = f"the first record has {len(head.first)} fields, the header {head.width}"
        remedy = "Name the surplus column in the header, or remove the separator at the end of the records"
        faults.append(Fault(path.name, problem, "As many fields as the header names", remedy))
    if faults:
        raise DataError(faults)
    return Layout(path, columns, _unused(head.header, columns), head.header, head=head)


def _workbook_layout(source: SourceParams, path: Path) -> Layout:
    from workbench.intake.reading.workbooks import read_sheet  # noqa: PLC0415  (only where there is a workbook)

    sheet = read_sheet(path, sheet=source.sheet, header=source.header, skip_rows=source.skip_rows,
                       wanted=tuple(_wanted(source)))  # fmt: skip
    if not source.header:
        return _positional_layout(source, path, max(len(cells) for _, cells in sheet.rows), sheet=sheet)
    faults = _duplicates(source, path, sheet.header)
    columns = _positions(source, path, sheet.header, faults)
    if not sheet.rows and not source.manual:
        faults.append(Fault(path.name, "the sheet holds a header and no record", "At least one record"))
    if faults:
        raise DataError(faults)
    return Layout(path, columns, _unused(sheet.header, columns), sheet.header, sheet=sheet)


def _json_layout(source: SourceParams, path: Path) -> Layout:
    from workbench.intake.reading.json_records import json_names  # noqa: PLC0415  (only where there is such a file)

    records = None if is_remote(source) else source.records
    names = json_names(path, records=records, encoding=source.encoding)
    faults: list[Fault] = []
    columns = _positions(source, path, names, faults)
    if faults:
        raise DataError(faults)
    used = {names[at - 1] for at in columns.values()}
    whole = [name for name in _unused(names, columns) if not any(name.startswith(f"{key}.") for key in used)]
    dropped = [name for name in whole if not any(key.startswith(f"{name}.") for key in used)]
    top = [name for name in dropped if name.rpartition(".")[0] not in dropped]
    return Layout(path, columns, top, names)


def _parquet_layout(source: SourceParams, path: Path) -> Layout:
    from workbench.intake.reading.parquet_heads import parquet_shape  # noqa: PLC0415  (only where there is such a file)

    raw_names, rows = parquet_shape(path)
    names = [name.strip(_EDGES) for name in raw_names]
    faults = _duplicates(source, path, names)
    columns = _positions(source, path, names, faults)
    if not rows:
        faults.append(Fault(path.name, "holds columns and no row", "At least one row"))
    faults += [] if faults else _type_faults(source, path, names, columns)
    if faults:
        raise DataError(faults)
    return Layout(path, columns, _unused(names, columns), names)


def _type_faults(source: SourceParams, path: Path, names: list[str], columns: Mapping[str, int]) -> list[Fault]:
    """Report columns of a Parquet file whose type does not fit their mapping, such as a duration for money."""
    from workbench.core.schema import columns_of  # noqa: PLC0415
    from workbench.intake.reading.parquet_heads import parquet_types  # noqa: PLC0415

    kinds, types = columns_of(source.table, contact=True, neighbours=True), parquet_types(path)
    wrong = {
        our_column: at
        for our_column, at in columns.items()
        if (kinds.get(our_column) in _MEASURES and types[at - 1] in ("duration", "boolean", "time"))
        or (kinds.get(our_column) in _DATED and types[at - 1] in ("duration", "boolean"))
    }
    return [
        Fault(path.name, f"column '{names[at - 1]}' (mapped to {our_column}) holds {types[at - 1]}s",
              f"Values of the kind {kinds[our_column]}", "Map another column")
        for our_column, at in wrong.items()
    ]  # fmt: skip


def _positional_layout(
    source: SourceParams, path: Path, width: int, *, head: Head | None = None, sheet: Sheet | None = None
) -> Layout:
    columns: dict[str, int] = {}
    faults: list[Fault] = []
    for our_column, source_column in (*named_parts(source.columns), *source.attributes.items()):
        at = int(source_column) if str(source_column).isdigit() else 0
        columns[our_column] = at
        if not 1 <= at <= width:
            problem = f"{our_column} is mapped to position {source_column}, the first record has {width} fields"
            faults.append(Fault(path.name, problem, f"A position from 1 to {width}"))
    if faults:
        raise DataError(faults)
    unused = [f"position {at}" for at in range(1, width + 1) if at not in columns.values()]
    return Layout(path, columns, unused, [], head=head, sheet=sheet)


def _wanted(source: SourceParams) -> list[str]:
    return [str(source_column) for _, source_column in (*named_parts(source.columns), *source.attributes.items())]


def _duplicates(source: SourceParams, path: Path, names: list[str]) -> list[Fault]:
    """Report repeated header names that the source reads; a wide survey also reads unmapped columns."""
    wanted = {name.strip(_EDGES) for name in _wanted(source)}
    everything = source.layout == "wide" and not source.questions
    repeated = [name for name, count in Counter(names).items() if name and count > 1 and (everything or name in wanted)]
    if not repeated:
        return []
    problem = f"the header names {listed([repr(name) for name in repeated])} more than once"
    return [Fault(path.name, problem, "Each mapped column once", "Rename the second one, or map another column")]


def _positions(source: SourceParams, path: Path, names: list[str], faults: list[Fault]) -> dict[str, int]:
    columns = {}
    for our_column, source_column in (*named_parts(source.columns), *source.attributes.items()):
        name_in_file = str(source_column).strip(_EDGES)
        if name_in_file in names:
            columns[our_column] = names.index(name_in_file) + 1
        else:
            problem = f"column '{name_in_file}' (mapped to {our_column}) is not in the header"
            faults.append(Fault(path.name, problem, "", did_you_mean(name_in_file, [name for name in names if name])))
    return columns


def _unused(names: list[str], columns: Mapping[str, int]) -> list[str]:
    return [name for at, name in enumerate(names, 1) if at not in columns.values() and name]
