"""Clean one file of the workspace according to its format."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.core.files import write_file
from workbench.core.store.rewriting import column_names
from workbench.run.rights.cleaning.databases import clean_database
from workbench.run.rights.cleaning.pages import clean_data_uris, clean_html
from workbench.run.rights.cleaning.values import clean_json, clean_notebook
from workbench.run.rights.raw.tables import TableRules, clean_parquet
from workbench.run.rights.raw.text_rows import pack_like, unpack
from workbench.run.rights.traces.traces import ERASED, ID_COLUMNS, Traces

__all__ = ["FileChange", "clean_file"]

_OTHERS = ("other_id", "referrer_customer_id")
_SQLITE = b"SQLite format 3\0"
_ROWS = (".csv", ".tsv")
_LINES = (".log", ".txt", ".jsonl", ".ndjson")
_PAGES = (".html", ".htm", ".svg", ".xml")
_WORKBOOKS = (".xlsx", ".xlsm")


@dataclass(frozen=True)
class FileChange:
    """A changed file: rewritten or removed, and the number of rows or places affected."""

    path: Path
    what: str
    rows: int = 0


def clean_file(
    path: Path, traces: Traces, before: Callable[[Path], None], *, by_words: bool = False
) -> FileChange | None:
    """Remove the erased people from a file of the workspace; return None if they are not in it.

    A file that cannot be rewritten, such as a picture or a packed model that contains their id, is removed.

    Parameters
    ----------
    path : Path
    traces : Traces
    before : callable
        Called with the path before it is changed.
    by_words : bool
        Also remove table rows with a cell equal to one of the searched words, in any column.
    """
    if path.suffix.lower() in (".parquet", ".pq"):
        return _clean_table(path, traces, before, by_words=by_words)
    with path.open("rb") as stream:
        head = stream.read(len(_SQLITE))
    if head == _SQLITE:
        if not _is_in_database(path, traces):
            return None
        before(path)
        return FileChange(path, "rewritten", clean_database(path, traces))
    content = path.read_bytes()
    cleaned, changes = (content, 0) if _is_clean(content, traces) else clean_content(path.name, content, traces)
    if not changes:
        return None
    before(path)
    if cleaned is None:
        path.unlink()
        return FileChange(path, "removed", changes)
    final = cleaned
    write_file(path, lambda target: target.write_bytes(final), mode=_mode(path))
    return FileChange(path, "rewritten", changes)


def _clean_table(path: Path, traces: Traces, before: Callable[[Path], None], *, by_words: bool) -> FileChange | None:
    rules = [TableRules(dict.fromkeys(ID_COLUMNS, traces.ids), dict.fromkeys(_OTHERS, traces.ids))]
    if by_words:
        rules.append(TableRules(dict.fromkeys(column_names(path), traces.searched), {}))
    rows, cells = clean_parquet(path, rules, traces, mode=_mode(path), before=before)
    return FileChange(path, "rewritten", rows + cells) if rows or cells else None


def _is_clean(content: bytes, traces: Traces) -> bool:
    """Return whether content is free of traces by a quick check: no word, nothing packed or encoded, no short id."""
    packed = content[:2] in (b"PK", b"\x1f\x8b") or b";base64," in content
    short = any(value not in traces.searched for value in traces.ids)
    return not (packed or short or traces.holds(content))


def clean_content(name: str, content: bytes, traces: Traces) -> tuple[bytes | None, int]:
    """Return the cleaned content (None if the file must be removed) and the number of changes."""
    suffix = Path(name).suffix.lower()
    if content[:2] == b"\x1f\x8b":
        inner, changes = clean_content(name.removesuffix(".gz"), _unpacked(content), traces)
        return (None if inner is None else pack_like(content, inner)), changes
    if suffix in _WORKBOOKS:
        from workbench.run.rights.raw.workbooks import clean_workbook  # noqa: PLC0415  (openpyxl is slow to import)

        result = clean_workbook(content, traces, macros=suffix == ".xlsm")
        return result.content, result.removed + result.blanked
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _clean_zip(content, traces)
    text, encoding = _text_of(content)
    if text is None:
        present = traces.holds(content)
        return None if present else content, int(present)
    cleaned, changes = _clean_text(suffix, text, traces)
    return (cleaned.encode(encoding) if changes else content), changes


def _clean_text(suffix: str, text: str, traces: Traces) -> tuple[str, int]:
    if suffix == ".ipynb":
        return clean_notebook(text, traces)
    if suffix == ".json":
        return clean_json(text, traces)
    if suffix in _PAGES or text.lstrip()[:9].lower() in ("<!doctype", "<html>"):
        return clean_html(text, traces)
    if suffix in _ROWS:
        return _clean_rows(text, traces)
    if suffix in _LINES:
        lines = text.splitlines(keepends=True)
        kept = [line for line in lines if not traces.mentions(line)]
        return "".join(kept), len(lines) - len(kept)
    text, changes = clean_data_uris(text, traces) if "data:" in text else (text, 0)
    masked, count = traces.text.subn(ERASED, text) if traces.text is not None else (text, 0)
    return masked, changes + count


def _clean_rows(text: str, traces: Traces) -> tuple[str, int]:
    """Remove the rows of a list of customers with an id in an id column, or with a trace anywhere."""
    from workbench.intake.reading.text.records import split_line  # noqa: PLC0415
    from workbench.run.rights.raw.rules import RowRules, judge_cells  # noqa: PLC0415

    mark = "\ufeff" if text.startswith("\ufeff") else ""
    lines = text.removeprefix(mark).splitlines(keepends=True)
    separator = max(",;\t", key=lines[0].count) if lines else ","
    names = split_line(lines[0].rstrip("\r\n"), separator).fields if lines else []
    rules = [RowRules(own=tuple(at for at, name in enumerate(names, 1) if name.strip() in ID_COLUMNS), ids=traces.ids)]
    kept, pending, removed = [], "", 0
    for at, line in enumerate(lines):
        pending += line
        if pending.count('"') % 2:
            continue  # a cell over several lines
        fields = split_line(pending.rstrip("\r\n"), separator).fields
        if at and (judge_cells(fields, rules).remove or traces.mentions(pending)):
            removed += 1
        else:
            kept.append(pending)
        pending = ""
    return mark + "".join(kept) + pending, removed


def _clean_zip(content: bytes, traces: Traces) -> tuple[bytes | None, int]:
    changes, target = 0, io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as packed, zipfile.ZipFile(target, "w") as fresh:
        for member in packed.infolist():
            inner, count = clean_content(member.filename, packed.read(member), traces)
            changes += count
            if traces.mentions(member.filename):
                changes, inner = changes + 1, None
            if inner is not None:
                fresh.writestr(member, inner)
    return (target.getvalue() if changes else content), changes


def _unpacked(content: bytes) -> bytes:
    try:
        return unpack(content)
    except (OSError, EOFError, gzip.zlib.error):  # type: ignore[attr-defined]
        return content[2:]


def _text_of(content: bytes) -> tuple[str | None, str]:
    """Decode a text file; None for binary content."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-le" if content[:2] == b"\xff\xfe" else "utf-16-be"
        return content.decode(codec, "surrogatepass"), codec
    for encoding in ("utf-8", "gb18030"):
        if b"\0" in content:
            break
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return None, ""


def _is_in_database(path: Path, traces: Traces) -> bool:
    files = [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal")]
    return any(traces.holds(file.read_bytes()) for file in files if file.is_file())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
