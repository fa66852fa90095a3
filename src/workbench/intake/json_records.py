"""JSON records: one object a line (.jsonl), or a list of objects in a file (.json); for 01_check_quality.

Columns are keys, nested ones by a dotted path (``buyer.city``). A line that is no object is rejected with its number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import ibis

from workbench.core.errors import DataError, Fault
from workbench.intake.raw_files import LINE, RawFile, copy_rows, file_state, quoted_name, quoted_text
from workbench.intake.text_files import Scan, open_bytes, read_head_bytes, scan_text, transcode

__all__ = ["find_keys", "json_names", "read_json_file"]

_SAMPLE = 2_000  # records whose keys are looked at
_MAX_LIST_BYTES = 512 << 20  # a list is held in memory; more belongs into one object a line
_MAX_LINE_BYTES = 16 << 20


def json_names(path: Path, *, records: str | None = None, encoding: str | None = None) -> list[str]:
    """List the keys of the first records of a file, nested ones as dotted paths, in order of appearance.

    Raises
    ------
    DataError
        The file is empty or cut short, or no record of its beginning is a JSON object.
    """
    if _is_list(path, records):
        found = _load_list(path, records)
    else:
        found = list(_objects(islice(_text_lines(path, encoding), _SAMPLE)))
    objects = [each for each in found[:_SAMPLE] if isinstance(each, dict)]
    if not objects:
        expected = "One JSON object a line (.jsonl), or a list of objects (.json)"
        raise DataError(Fault(path.name, "holds no JSON object", expected, "Name the list under records"))
    return find_keys(objects)


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

    for each in objects:
        visit(each, "")
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
        Our name of a column: its key, or its dotted path.
    records : str, optional
        Dotted path to the list, where the file is one JSON value.
    scratch : Path
        A private folder; the caller removes it.
    declared : str, optional
        The declared encoding.

    Returns
    -------
    RawFile
        Text cells; numbers as they are written, nested values as JSON text; ``_line`` is the line, of a list the
        place in it. Code of a line that is no object: ``json-invalid``.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = file_state(path)
    lines, scan = _as_lines(path, records, scratch, declared)
    rows = f"""SELECT row_number() OVER () AS {LINE}, text FROM read_csv({quoted_text(lines)}, delim = '\x1f',
        quote = '', escape = '', columns = {{'text': 'VARCHAR'}}, header = false, auto_detect = false,
        max_line_size = {_MAX_LINE_BYTES})"""
    kept, spoiled = scratch / "rows.parquet", scratch / "rejects.parquet"
    valid = "CASE WHEN json_valid(text) THEN json_type(text) = 'OBJECT' ELSE false END"
    blank = "trim(coalesce(text, ''), ' \t\r') = ''"
    cells = ", ".join(f"json_extract_string(text, {quoted_text(_pointer(key))}) AS {quoted_name(ours)}"
                      for ours, key in columns.items())  # fmt: skip
    reject = f"SELECT {LINE} AS line, '' AS \"column\", 'json-invalid' AS code, text AS raw FROM ({rows})"
    try:
        accepted = copy_rows(engine, f"SELECT {LINE}, {cells} FROM ({rows}) WHERE NOT {blank} AND {valid}", kept)
        rejected = copy_rows(engine, f"{reject} WHERE NOT {blank} AND NOT {valid}", spoiled)
    except duckdb.Error as error:
        found = f"cannot be read line by line ({str(error).splitlines()[0]})"
        raise DataError(Fault(path.name, found, "One JSON object a line, in UTF-8 or GB18030")) from error
    if file_state(path) != before:
        raise DataError(Fault(path.name, "the file changed while it was read", "", "Wait until it is complete"))
    blanks = scan.lines - accepted - rejected
    return RawFile(
        table=engine.read_parquet(str(kept)),
        rejects=engine.read_parquet(str(spoiled)) if rejected else None,
        physical=accepted + rejected,
        rows=accepted,
        codes={"json-invalid": rejected} if rejected else {},
        repairs={"blank_lines": blanks} if blanks else {},
        encoding=scan.encoding,
    )


def _as_lines(path: Path, records: str | None, scratch: Path, declared: str | None) -> tuple[Path, Scan]:
    """Bring a file to one value a line in UTF-8."""
    if _is_list(path, records):
        target = scratch / "list.jsonl"
        with target.open("w", encoding="utf-8", newline="\n") as stream:
            target.chmod(0o600)
            for each in _load_list(path, records):
                stream.write(json.dumps(each, ensure_ascii=False) + "\n")
        return target, scan_text(target)
    scan = scan_text(path, encoding=declared)
    if scan.encoding == "utf-8" and scan.decodes:
        return path, scan
    if not scan.decodes:
        found = f"not every byte is {scan.encoding}"
        raise DataError(Fault(path.name, found, "", "Save it again as UTF-8, or declare its encoding"))
    return transcode(path, scratch / "text.jsonl", encoding=scan.encoding), scan


def _is_list(path: Path, records: str | None) -> bool:
    """Tell a file of one JSON value from one with an object a line: by its ending, then by its first letter."""
    plain = path.name.removesuffix(".gz").lower()
    if plain.endswith((".jsonl", ".ndjson")):
        return False
    beginning = read_head_bytes(path).lstrip(b"\xef\xbb\xbf \t\r\n")
    first_line = beginning.split(b"\n", 1)[0].strip()
    return bool(records) or beginning[:1] == b"[" or not (first_line.startswith(b"{") and _parses(first_line))


def _parses(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _load_list(path: Path, records: str | None) -> list[Any]:
    with open_bytes(path) as stream:
        content = stream.read(_MAX_LIST_BYTES + 1)
    if len(content) > _MAX_LIST_BYTES:
        remedy = "Write one object a line (.jsonl)"
        raise DataError(Fault(path.name, "a JSON list of more than 512 MB", "", remedy))
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(Fault(path.name, f"no JSON ({error})", "", "It may be cut short: copy it again")) from error
    return list_at(value, records, path.name)


def list_at(value: Any, records: str | None, where: str) -> list[Any]:
    """Return the list at a dotted path of a JSON value.

    Raises
    ------
    DataError
        There is none; the message names the keys that hold lists.
    """
    at = value
    for part in (records or "").split(".") if records else []:
        at = at.get(part) if isinstance(at, Mapping) else None
    if isinstance(at, list):
        return at
    lists = [key for key, inner in value.items() if isinstance(inner, list)] if isinstance(value, Mapping) else []
    remedy = f"records: {lists[0]}" if lists else "Name the list under records, as a dotted path"
    raise DataError(Fault(where, f"no list at '{records or ''}'", "A list of objects", remedy))


def _text_lines(path: Path, encoding: str | None) -> Iterator[str]:
    chosen = encoding or "utf-8-sig"
    with open_bytes(path) as stream:
        for line in stream:
            yield line.decode(chosen, errors="replace")


def _objects(lines: Iterator[str]) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _pointer(key: str) -> str:
    """Write a dotted path as the engine reads it."""
    return "$" + "".join(f'."{part}"' for part in key.replace('"', "").split("."))
