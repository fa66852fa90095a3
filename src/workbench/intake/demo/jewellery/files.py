"""Write tables of the engine to files as a business delivers them: old encodings, workbooks, lines of JSON."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
from openpyxl import Workbook

from workbench.core.files import digest_file, write_file
from workbench.intake.demo.jewellery.draws import quoted

__all__ = ["put_csv", "put_json_lines", "put_parquet", "put_workbook"]

_BLOCK_CHARACTERS = 4 << 20
_ENTRY_TIME = (2025, 7, 1, 0, 0, 0)
_SHEET, _DATE_STYLE = "xl/worksheets/sheet1.xml", 1
_STAMP = "2025-07-01T00:00:00Z"


def put_csv(engine: duckdb.DuckDBPyConnection, query: str, path: Path, *, encoding: str = "utf-8") -> Path:
    """Write a query's rows as CSV in an encoding; streamed, in the query's order."""

    def write(target: Path) -> None:
        plain = target.with_name(f"{target.name}.utf8") if encoding != "utf-8" else target
        try:
            engine.execute(f"COPY ({query}) TO {quoted(plain)} (FORMAT csv, HEADER)")
            if encoding != "utf-8":
                _recode(plain, target, encoding)
        finally:
            if plain != target:
                plain.unlink(missing_ok=True)

    return _put(path, write)


def put_json_lines(engine: duckdb.DuckDBPyConnection, query: str, path: Path) -> Path:
    """Write a query's rows as lines of JSON."""
    return _put(path, lambda target: engine.execute(f"COPY ({query}) TO {quoted(target)} (FORMAT json)"))


def put_parquet(engine: duckdb.DuckDBPyConnection, query: str, path: Path) -> Path:
    """Write a query's rows as Parquet, the same bytes whatever the number of threads."""
    threads = engine.execute("SELECT current_setting('threads')").fetchall()[0][0]

    def write(target: Path) -> None:
        engine.execute(f"CREATE OR REPLACE TEMP TABLE written AS {query}")
        try:
            engine.execute("SET threads = 1")
            engine.execute(f"COPY written TO {quoted(target)} (FORMAT parquet, COMPRESSION zstd)")
        finally:
            engine.execute(f"SET threads = {threads}")
            engine.execute("DROP TABLE written")

    return _put(path, write)


def put_workbook(engine: duckdb.DuckDBPyConnection, query: str, path: Path, *, sheet: str) -> Path:
    """Write a query's rows as the one sheet of a workbook (.xlsx), its header first.

    openpyxl writes the frame of the workbook, the engine the many rows as XML. The same rows give the same bytes: no
    creation time is kept.
    """

    def write(target: Path) -> None:
        frame, rows = target.with_name(f"{target.name}.frame"), target.with_name(f"{target.name}.rows")
        try:
            columns = engine.execute(f"DESCRIBE {query}").fetchall()
            _frame([row[0] for row in columns], sheet).save(frame)
            cells = " || ".join(_cell_sql(name, kind) for name, kind, *_ in columns)
            engine.execute(f"""COPY (SELECT '<row>' || {cells} || '</row>' FROM ({query})) TO {quoted(rows)}
                (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')""")
            _pack(frame, rows, target)
        finally:
            for part in (frame, rows):
                part.unlink(missing_ok=True)

    return _put(path, write)


def _frame(header: list[str], sheet: str) -> Workbook:
    """Make a workbook of the header and one date, which defines the date style (number ``_DATE_STYLE``)."""
    book = Workbook(write_only=True)
    page = book.create_sheet(sheet)
    page.append(header)
    page.append([datetime(2025, 7, 1)])
    return book


def _cell_sql(name: str, kind: str) -> str:
    """Write a cell of the sheet: a number, a moment as a day number since 1899-12-30, or text."""
    column = '"' + name.replace('"', '""') + '"'
    if kind == "TIMESTAMP":
        since = f"epoch({column} - TIMESTAMP '1899-12-30 00:00:00') / 86400.0"
        return f"""coalesce('<c s="{_DATE_STYLE}"><v>' || round({since}, 9) || '</v></c>', '<c/>')"""
    if kind == "VARCHAR":
        safe = f"replace(replace(replace({column}, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')"
        return f"""coalesce('<c t="inlineStr"><is><t xml:space="preserve">' || {safe} || '</t></is></c>', '<c/>')"""
    return f"coalesce('<c><v>' || {column} || '</v></c>', '<c/>')"


def _recode(source: Path, target: Path, encoding: str) -> None:
    with source.open(encoding="utf-8", newline="") as read, target.open("w", encoding=encoding, newline="") as written:
        while block := read.read(_BLOCK_CHARACTERS):
            written.write(block)


def _pack(frame: Path, rows: Path, target: Path) -> None:
    """Pack the workbook with its rows, without the creation times in its entries and properties."""
    with zipfile.ZipFile(frame) as read, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for name in sorted(read.namelist()):
            content = read.read(name)
            if name == "docProps/core.xml":
                content = _undated(content)
            entry = zipfile.ZipInfo(name, _ENTRY_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with written.open(entry, "w") as stream:
                if name != _SHEET:
                    stream.write(content)
                    continue
                header, _, footer = content.partition(b"</row>")
                stream.write(header + b"</row>")
                with rows.open("rb") as lines:
                    shutil.copyfileobj(lines, stream)
                stream.write(footer[footer.index(b"</sheetData>") :])


def _undated(properties: bytes) -> bytes:
    text = properties.decode()
    for tag in ("created", "modified"):
        head, opened, following = text.partition(f"<dcterms:{tag}")
        if opened:
            inside, closed, tail = following.partition("</dcterms:")
            text = head + opened + inside[: inside.index(">") + 1] + _STAMP + closed + tail
    return text.encode()


def _put(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file whole or not at all; one that already holds the same bytes is left untouched."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        write_file(fresh, write)
        if not path.is_file() or digest_file(fresh) != digest_file(path):
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path
