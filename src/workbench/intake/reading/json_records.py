"""JSON records: one object per line (.jsonl), or a list of objects in a file (.json); for 01_check_quality.

Columns are keys, nested ones by a dotted path (``buyer.city``). A line that is no object is rejected with its number.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.core.errors import DataError, Fault
from workbench.intake.reading.json_lists import list_at
from workbench.intake.reading.raw.raw_file import RawFile, file_state
from workbench.intake.reading.raw.scratch import LINE, REJECTS, copy_rows, quoted_name, quoted_text
from workbench.intake.reading.text.records import BadLine
from workbench.intake.reading.text.text_encodings import is_wide
from workbench.intake.reading.text.text_files import (
    head_encoding,
    open_bytes,
    read_head_bytes,
    read_lines,
    readable,
    transcode,
)
from workbench.intake.reading.text.text_scan import Scan, scan_text

__all__ = ["find_keys", "find_objects", "json_names", "list_paths", "read_json_file"]

_SAMPLE = 2_000  # records whose keys are read
_MAX_LIST_BYTES = 512 << 20  # a list is read into memory; larger files need one object per line
_MAX_LINE_BYTES = 16 << 20
_INVALID, _REPEATED = "json-invalid", "key-repeated"
_TWICE = "__key_repeated__"  # marks an object with a repeated key


def json_names(path: Path, *, records: str | None = None, encoding: str | None = None) -> list[str]:
    """List the keys of the first records of a file, nested ones as dotted paths, in order of appearance.

    Raises
    ------
    DataError
        The file is empty or cut short, or none of its first records is a JSON object.
    """
    values, _ = find_objects(path, records=records, encoding=encoding, most=_SAMPLE)
    objects = [value for value in values if isinstance(value, dict)]
    if not objects:
        expected = "One JSON object a line (.jsonl), or a list of objects (.json)"
        raise DataError(Fault(path.name, "holds no JSON object", expected, "Name the list under records"))
    return find_keys(objects)


def find_objects(
    path: Path, *, records: str | None = None, encoding: str | None = None, most: int
) -> tuple[list[Any], str]:
    """Return the first objects of a file, from its lines or from its list, and its encoding."""
    content = read_head_bytes(path)
    chosen = head_encoding(path, encoding, content)
    if _is_list(path, records, encoding):
        return _load_list(path, records, encoding)[:most], chosen
    return list(_objects(islice(_text_lines(path, encoding), most))), chosen


def list_paths(path: Path) -> list[str]:
    """List the dotted paths of the lists of objects in a file that is one JSON object; none for other files."""
    if not _is_list(path, None, None) and len(list(islice(_text_lines(path, None), 2))) > 1:
        return []
    value = _load(path, None)
    paths: list[str] = []

    def visit(value: Any, prefix: str) -> None:
        for key, inner in value.items() if isinstance(value, Mapping) else ():
            if isinstance(inner, list) and any(isinstance(entry, Mapping) for entry in inner):
                paths.append(f"{prefix}{key}")
            visit(inner, f"{prefix}{key}.")

    visit(value, "")
    return paths


def find_keys(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """List the keys of objects, nested ones as dotted paths.

    Examples
    --------
    >>> find_keys([{"id": 1, "buyer": {"city": "上海"}}, {"id": 2, "note": None}])
    ['id', 'buyer', 'buyer.city', 'note']
    """
    names: dict[str, None] = {}

    def visit(value: Mapping[str, Any], prefix: str) -> None:
        for key, inner in value.items():
            names.setdefault(f"{prefix}{key}")
            if isinstance(inner, Mapping):
                visit(inner, f"{prefix}{key}.")

    for record in objects:
        visit(record, "")
    return list(names)


def read_json_file(
    engine: ibis.BaseBackend, path: Path, *, columns: Mapping[str, str], records: str | None, scratch: Path,
    declared: str | None,
) -> RawFile:  # fmt: skip
    """Read the records of a file inside the engine.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    path : Path
    columns : mapping of str to str
        Our column to its key or dotted path.
    records : str, optional
        Dotted path to the list, if the file is one JSON value.
    scratch : Path
        A private folder; the caller removes it.
    declared : str, optional
        The declared encoding.

    Returns
    -------
    RawFile
        Text cells; numbers as written, nested values as JSON text; ``_line`` is the line, or the
        position in a list. Codes: ``json-invalid`` (a line that is not an object), ``key-repeated``,
        ``invalid-encoding``.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = file_state(path)
    lines = _as_lines(path, records, scratch, declared)
    cells = ", ".join(f"{_extracted(key)} AS {quoted_name(our_column)}" for our_column, key in columns.items())
    counts = _copy_objects(engine, lines, cells, scratch)
    if counts is None:
        lines = _plain_lines(lines, scratch / "plain.jsonl")
        counts = _copy_objects(engine, lines, cells, scratch)
    if file_state(path) != before:
        raise DataError(Fault(path.name, "the file changed while it was read", "", "Wait until it is complete"))
    if counts is None:
        problem = f"cannot be read line by line, though it has {lines.scan.lines} lines"
        raise DataError(Fault(path.name, problem, f"One JSON object a line, of at most {_MAX_LINE_BYTES >> 20} MB"))
    accepted, blank = counts.accepted, counts.blank
    codes = Counter({_INVALID: counts.invalid, _REPEATED: counts.repeated}) + Counter(
        reject["code"] for reject in lines.rejects
    )
    repairs = {"blank_lines": blank - len(lines.rejects), "nul_bytes": lines.nuls}
    return RawFile(
        table=engine.read_parquet(str(scratch / "rows.parquet")),
        rejects=_all_rejects(engine, lines, scratch) if codes else None,
        physical=accepted + sum(codes.values()),
        rows=accepted,
        codes=dict(sorted(codes.items())),
        repairs={name: count for name, count in repairs.items() if count},
        encoding=lines.encoding,
    )


@dataclass(frozen=True)
class _Lines:
    """A file with one JSON value per line in UTF-8.

    Attributes
    ----------
    path : Path
    scan : Scan
        Scan of this file.
    encoding : str
        Encoding of the original file.
    rejects : list of dict
        Lines that are not text or have control characters; blank in this file, listed here as rejects.
    nuls : int
        NUL bytes removed.
    """

    path: Path
    scan: Scan
    encoding: str
    rejects: list[dict[str, Any]] = field(default_factory=list)
    nuls: int = 0


class _Counts(NamedTuple):
    """Numbers of objects, other lines, objects with a repeated key, and blank lines."""

    accepted: int
    invalid: int
    repeated: int
    blank: int


def _copy_objects(engine: ibis.BaseBackend, lines: _Lines, cells: str, scratch: Path) -> _Counts | None:
    """Copy objects and other lines to separate files and count them.

    None if the engine does not account for every line.
    """
    if not lines.scan.plain:
        return None
    rows = f"""SELECT row_number() OVER () AS {LINE}, text FROM read_csv({quoted_text(lines.path)}, delim = '\x1f',
        quote = '', escape = '', columns = {{'text': 'VARCHAR'}}, header = false, auto_detect = false,
        max_line_size = {_MAX_LINE_BYTES})"""
    valid = "CASE WHEN json_valid(text) THEN json_type(text) = 'OBJECT' ELSE false END"
    blank = "trim(coalesce(text, ''), ' \t\r') = ''"
    keys = "CASE WHEN json_valid(text) THEN json_keys(text) END"
    twice = f"coalesce(len({keys}) > len(list_distinct({keys})) OR text LIKE '%\"{_TWICE}\":%', false)"
    code = f"CASE WHEN {valid} THEN '{_REPEATED}' ELSE '{_INVALID}' END"
    reject = f"SELECT {LINE} AS line, '' AS \"column\", {code} AS code, text AS raw FROM ({rows})"
    try:
        query = f"SELECT {LINE}, {cells} FROM ({rows}) WHERE NOT {blank} AND {valid} AND NOT {twice}"
        accepted = copy_rows(engine, query, scratch / "rows.parquet")
        wrong = f"NOT {blank} AND (NOT {valid} OR {twice})"
        rejected = copy_rows(engine, f"{reject} WHERE {wrong}", scratch / "rejects.parquet")
        repeated = (
            f"SELECT count(*) FROM read_parquet({quoted_text(scratch / 'rejects.parquet')}) WHERE code = '{_REPEATED}'"
        )
        twice_count = int(engine.raw_sql(repeated).fetchone()[0]) if rejected else 0
        (total,) = engine.raw_sql(f"SELECT count(*) FROM ({rows})").fetchone()
    except duckdb.Error:  # a line too long, mixed line ends, a stray \\x1f
        return None
    counts = _Counts(accepted, rejected - twice_count, twice_count, total - accepted - rejected)
    return counts if total == lines.scan.lines else None


def _plain_lines(lines: _Lines, target: Path) -> _Lines:
    """Rewrite a file line by line so that the engine can read it; invalid lines become blank."""
    rejects: list[dict[str, Any]] = []
    with target.open("w", encoding="utf-8", newline="\n") as stream:
        target.chmod(0o600)
        for number, text in read_lines(lines.path, encoding=lines.scan.encoding, newline=lines.scan.newline):
            if isinstance(text, BadLine):
                raw = f"byte {text.offset}: {text.raw}"
                rejects.append({"line": number, "column": "", "code": "invalid-encoding", "raw": raw})
            elif "\r" in text or "\x1f" in text:
                rejects.append({"line": number, "column": "", "code": _INVALID, "raw": text})
            else:
                stream.write(text)
            stream.write("\n")
    return _Lines(target, scan_text(target, encoding="utf-8"), lines.encoding, rejects, lines.scan.nuls)


def _all_rejects(engine: ibis.BaseBackend, lines: _Lines, scratch: Path) -> ibis.Table:
    pq.write_table(pa.Table.from_pylist(lines.rejects, REJECTS), scratch / "lines.parquet")
    (scratch / "lines.parquet").chmod(0o600)
    return engine.read_parquet(str(scratch / "rejects.parquet")).union(
        engine.read_parquet(str(scratch / "lines.parquet"))
    )


def _as_lines(path: Path, records: str | None, scratch: Path, declared: str | None) -> _Lines:
    """Convert a file to one JSON value per line in UTF-8."""
    if _is_list(path, records, declared):
        target = scratch / "list.jsonl"
        with target.open("w", encoding="utf-8", newline="\n") as stream:
            target.chmod(0o600)
            for value in _load_list(path, records, declared):
                stream.write(json.dumps(value) + "\n")
        return _Lines(target, scan_text(target), "utf-8")
    scan = scan_text(path, encoding=declared)
    if scan.encoding == "utf-8" or not (scan.decodes or is_wide(scan.encoding)):
        return _Lines(path, scan, scan.encoding)
    if not scan.decodes:
        problem = f"not every byte is {scan.encoding}"
        raise DataError(Fault(path.name, problem, "", "Save it again as UTF-8, or declare its encoding"))
    target = transcode(path, scratch / "text.jsonl", encoding=scan.encoding)
    return _Lines(target, scan_text(target, encoding="utf-8"), scan.encoding)


def _is_list(path: Path, records: str | None, encoding: str | None) -> bool:
    """Return whether a file is one JSON value instead of JSON lines, by its ending and its first line."""
    plain = path.name.removesuffix(".gz").lower()
    if plain.endswith((".jsonl", ".ndjson")):
        return False
    content = read_head_bytes(path)
    beginning = content.decode(head_encoding(path, encoding, content), errors="replace").lstrip("\ufeff \t\r\n")
    first_line = beginning.split("\n", 1)[0].strip()
    return bool(records) or beginning[:1] == "[" or not (first_line.startswith("{") and _parses(first_line))


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _load_list(path: Path, records: str | None, encoding: str | None) -> list[Any]:
    return list_at(_load(path, encoding), records, path.name)


def _load(path: Path, encoding: str | None) -> Any:
    head = read_head_bytes(path)
    with readable(path), open_bytes(path) as stream:
        content = stream.read(_MAX_LIST_BYTES + 1)
    if len(content) > _MAX_LIST_BYTES:
        remedy = "Write one object a line (.jsonl)"
        raise DataError(Fault(path.name, "a JSON list of more than 512 MB", "", remedy))
    try:
        text = content.decode(head_encoding(path, encoding, head)).removeprefix("\ufeff")
        return json.loads(text, parse_float=str, object_pairs_hook=_as_object)  # digits as written
    except (ValueError, RecursionError) as error:
        raise DataError(Fault(path.name, f"no JSON ({error})", "", "It may be cut short: copy it again")) from error


def _as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; one with a repeated key is marked, so that it is rejected."""
    value = dict(pairs)
    return value if len(value) == len(pairs) else {**value, _TWICE: True}


def _text_lines(path: Path, encoding: str | None) -> Iterator[str]:
    content = read_head_bytes(path)
    chosen = head_encoding(path, encoding, content)
    if is_wide(chosen):
        yield from content.decode(chosen, errors="replace").removeprefix("\ufeff").split("\n")
    else:
        newline = b"\r" if b"\n" not in content else b"\n"
        numbered = read_lines(path, encoding=chosen, newline=newline)
        yield from (text for _, text in numbered if isinstance(text, str))


def _objects(lines: Iterator[str]) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue


def _extracted(key: str) -> str:
    """Return the SQL that extracts a key: by its whole name, else as a dotted path."""
    paths = [[key], key.split(".")] if "." in key else [[key]]
    extracts = [f"json_extract_string(text, {quoted_text(_pointer(path))})" for path in paths]
    return f"coalesce({', '.join(extracts)})"


def _pointer(path: list[str]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
