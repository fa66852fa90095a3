"""Read one raw text file as a table of its mapped columns, with every record accounted for; used by 01_check_quality.

A clean file is read by the engine; any other goes through the exact reader. Both produce a Parquet file
in a private scratch folder, one row per accepted record with its line number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault
from workbench.intake.reading.raw.raw_file import RawFile, file_state
from workbench.intake.reading.raw.scratch import (
    LINE,
    REJECTS,
    copy_rows,
    quoted_name,
    quoted_text,
    reject_rows,
)
from workbench.intake.reading.text.records import WHITESPACE, Record, RejectedRecord, read_records
from workbench.intake.reading.text.text_files import Head, read_lines, transcode
from workbench.intake.reading.text.text_scan import Scan, scan_text

__all__ = [
    "REFUSALS",
    "ReadyText",
    "engine_reader",
    "read_text_file",
    "ready_text",
]

_BATCH_RECORDS = 50_000
_MAX_LINE_BYTES = 4 << 20  # a longer line is read record by record
_BUFFER_BYTES = 8 << 20  # of the engine, two lines of that length: smaller buffers are parsed sooner by both threads
REFUSALS = (  # of the engine: a file with other than records, a line longer than its buffer, a form of gzip it lacks
    duckdb.InvalidInputException, duckdb.ConversionException, duckdb.NotImplementedException, duckdb.IOException,
)  # fmt: skip


@dataclass(frozen=True)
class ReadyText:
    """A scanned text file, converted to UTF-8 where needed.

    Attributes
    ----------
    path : Path
        The original path.
    text : Path
        The file to read: the original, or a copy in UTF-8.
    facts, scan : Scan
        Scans of the file to read, and of the original.
    state : tuple
        The file's state before it was scanned.
    """

    path: Path
    text: Path
    facts: Scan
    scan: Scan
    state: tuple[int, int, int]

    def release(self) -> None:
        """Remove the copy; raise an error if the file has changed since the scan."""
        if file_state(self.path) != self.state:
            problem = "the file changed while it was read"
            raise DataError(Fault(self.path.name, problem, "", "Wait until it is complete"))
        if self.text is not self.path:
            self.text.unlink(missing_ok=True)


def ready_text(path: Path, *, head: Head, scratch: Path, declared: str | None) -> ReadyText:
    """Scan a text file and convert one of another encoding to UTF-8.

    Raises
    ------
    DataError
        The file cannot be unpacked, or does not decode in the two-byte encoding it claims.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    state, has_header = file_state(path), bool(head.header)
    scan = scan_text(path, encoding=declared, separator=head.separator, header=has_header)
    if scan.encoding != "utf-8" and scan.decodes:
        text = transcode(path, scratch / "text.csv", encoding=scan.encoding)
        facts = scan_text(text, encoding="utf-8", separator=head.separator, header=has_header)
        return ReadyText(path, text, facts, scan, state)
    if scan.encoding.startswith(("utf-16", "utf-32")):
        problem = f"the file claims {scan.encoding}, yet not every byte of it is"
        raise DataError(Fault(path.name, problem, "", "Save it again as UTF-8, or declare its encoding"))
    return ReadyText(path, path, scan, scan, state)


def read_text_file(
    engine: ibis.BaseBackend, ready: ReadyText, *, head: Head, columns: Mapping[str, int], scratch: Path
) -> RawFile:
    """Read a separated text file.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    ready : ReadyText
    head : Head
        Its separator, header and width.
    columns : mapping of str to int
        Our column to its position in the file, from 1.
    scratch : Path
        A private folder of this file; the caller removes it.

    Returns
    -------
    RawFile
        Cells as written in the file, surrounding blanks included.

    Raises
    ------
    DataError
        The file changes while it is read.
    """
    source, facts = ready.text, ready.facts
    target = scratch / "rows.parquet"
    raw = _read_clean(engine, source, target, head=head, columns=columns, scan=facts)
    if raw is None:
        raw = _read_exact(engine, source, target, head=head, columns=columns, scan=facts)
    ready.release()
    return replace(raw, encoding=ready.scan.encoding)


def _read_clean(
    engine: ibis.BaseBackend, path: Path, target: Path, *, head: Head, columns: Mapping[str, int], scan: Scan
) -> RawFile | None:
    """Let the engine read the file; None if the result does not account for every line and separator."""
    if head.skip or not scan.plain or head.separator == WHITESPACE or len(head.separator) > 1:
        return None
    rows = engine_reader(path, head)
    selected = ", ".join(f"c{at} AS {quoted_name(our_column)}" for our_column, at in columns.items())
    try:
        count = copy_rows(engine, f"SELECT {selected} FROM {rows}", target)
        if count != scan.lines - int(bool(head.header)):
            return None
        if not _accounts_for_separators(engine, rows, head, scan):
            return None
    except REFUSALS:
        return None
    table = _with_line_numbers(engine, target, list(columns), first=1 + int(bool(head.header)))
    return RawFile(table, None, count, count, {}, {}, scan.encoding)


def engine_reader(path: Path, head: Head, *, skipping: bool = False, rejects_table: str = "") -> str:
    """Return the engine call that reads the fields ``c1``, ``c2``, ... of a file as text, in strict mode.

    A line that is not a record raises an error, or is skipped and recorded in ``rejects_table`` if one is named.
    """
    names = [f"c{at}" for at in range(1, head.width + 1)]
    options = {
        "auto_detect": "false", "all_varchar": "true", "strict_mode": "true", "null_padding": "false",
        "ignore_errors": str(skipping).lower(), "header": "false", "skip": str(int(bool(head.header))),
        "delim": quoted_text(head.separator), "quote": "'\"'", "escape": "'\"'", "max_line_size": str(_MAX_LINE_BYTES),
        "buffer_size": str(_BUFFER_BYTES),
        "columns": "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in names) + "}",
    }  # fmt: skip
    if rejects_table:
        options |= {"store_rejects": "true", "rejects_table": quoted_text(rejects_table), "rejects_limit": "0",
                    "rejects_scan": quoted_text(f"{rejects_table}_scan")}  # fmt: skip
        del options["ignore_errors"]
    arguments = ", ".join(f"{key} = {value}" for key, value in options.items())
    return f"read_csv({quoted_text(path)}, {arguments})"


def _with_line_numbers(engine: ibis.BaseBackend, path: Path, names: list[str], *, first: int) -> ibis.Table:
    """Add line numbers from the order of the rows in the copy; numbering while copying would cost a thread."""
    our_column = ", ".join(f"c{at} AS {quoted_name(name)}" for at, name in enumerate(names))
    aliases = ", ".join(f"c{at}" for at in range(len(names)))
    rows = f"read_parquet({quoted_text(path)}, file_row_number = true)"
    return engine.sql(f"SELECT n + {first} AS {LINE}, {our_column} FROM {rows} AS f ({aliases}, n)")


def _accounts_for_separators(engine: ibis.BaseBackend, rows: str, head: Head, scan: Scan) -> bool:
    """Return whether every separator is between two fields or inside a quoted cell.

    The engine accepts a separator at the end of a record, which is one field too many, and reads a quoted field after
    blanks as a plain one.
    """
    needed = scan.lines * (head.width - 1)
    if scan.separators == needed and not scan.blank_quotes:
        return True
    names, separator = [f"c{at}" for at in range(1, head.width + 1)], quoted_text(head.separator)
    inside = " + ".join(f"coalesce(length({name}) - length(replace({name}, {separator}, '')), 0)" for name in names)
    misread = " OR ".join(f"regexp_matches({name}, '^[ \t]+\"')" for name in names) if scan.blank_quotes else "false"
    query = f"SELECT sum({inside}), coalesce(bool_or({misread}), false) FROM {rows}"
    quoted_separators, is_misread = engine.raw_sql(query).fetchall()[0]
    in_header = sum(name.count(head.separator) for name in head.header)
    return not is_misread and scan.separators == needed + int(quoted_separators or 0) + in_header


def _read_exact(
    engine: ibis.BaseBackend, path: Path, target: Path, *, head: Head, columns: Mapping[str, int], scan: Scan
) -> RawFile:
    """Read record by record, and write accepted and rejected ones in batches."""
    encoding = scan.encoding
    lines = (line for line in read_lines(path, encoding=encoding, newline=scan.newline) if line[0] > head.skip)
    records = read_records(lines, width=head.width, separator=head.separator)
    tally = _Tally()
    schema = pa.schema([(LINE, pa.int64()), *[(name, pa.string()) for name in columns]])
    rejects_path = target.with_name("rejects.parquet")
    with pq.ParquetWriter(target, schema, compression="zstd") as good, pq.ParquetWriter(rejects_path, REJECTS) as bad:
        for accepted, rejected in _batches(records, tally, has_header=bool(head.header)):
            good.write_table(_as_table(accepted, columns, schema))
            bad.write_table(reject_rows(rejected, head))
    for path_written in (target, rejects_path):
        path_written.chmod(0o600)
    repairs = {"blank_lines": tally.blank, "nul_bytes": scan.nuls}
    return RawFile(
        table=engine.read_parquet(str(target)),
        rejects=engine.read_parquet(str(rejects_path)) if tally.codes else None,
        physical=tally.rows + sum(tally.codes.values()),
        rows=tally.rows,
        codes=dict(sorted(tally.codes.items())),
        repairs={name: count for name, count in repairs.items() if count},
        encoding=encoding,
        multiline=tally.multiline,
        inside=tally.inside,
    )


@dataclass
class _Tally:
    rows: int = 0
    blank: int = 0
    multiline: int = 0  # records with a cell over several lines
    inside: int = 0  # the first of these whose inner lines would be records by themselves
    codes: Counter = field(default_factory=Counter)


def _batches(
    records: Iterator[Record | RejectedRecord | None], tally: _Tally, *, has_header: bool
) -> Iterator[tuple[list[Record], list[RejectedRecord]]]:
    accepted: list[Record] = []
    rejected: list[RejectedRecord] = []
    for record in records:
        if record is None:
            tally.blank += 1
        elif has_header:
            has_header = False
        elif isinstance(record, Record):
            tally.rows += 1
            tally.multiline += record.multiline
            tally.inside = tally.inside or record.inside
            accepted.append(record)
        else:
            tally.codes[record.code] += 1
            rejected.append(record)
        if len(accepted) + len(rejected) >= _BATCH_RECORDS:
            yield accepted, rejected
            accepted, rejected = [], []
    yield accepted, rejected


def _as_table(records: list[Record], columns: Mapping[str, int], schema: pa.Schema) -> pa.Table:
    cells = [pa.array([record.fields[at - 1] for record in records], pa.string()) for at in columns.values()]
    return pa.Table.from_arrays([pa.array([record.line for record in records], pa.int64()), *cells], schema=schema)
