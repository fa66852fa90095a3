"""Text files as bytes: compression, encoding, line ends, separator, header.

The encoding is the declared one, else that of the byte order mark, else the one with the most plausible letters.
Used by 01_check_quality and, for the beginning of files only, by ``workbench check``.
"""

from __future__ import annotations

import codecs
import gzip
import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from workbench.core.errors import DataError, Fault
from workbench.intake.reading.text.header_rows import lines_above, notes_above
from workbench.intake.reading.text.records import WHITESPACE, BadLine, split_line
from workbench.intake.reading.text.text_encodings import (
    Reading,
    encoding_by_mark,
    is_wide,
    known_encoding,
    reading_of_lines,
)

__all__ = [
    "Head",
    "head_encoding",
    "head_reading",
    "open_bytes",
    "read_head",
    "read_head_bytes",
    "read_lines",
    "readable",
    "transcode",
]

HEAD_BYTES = 262_144
HEAD_RECORDS = 20
_CHUNK_BYTES = 4 << 20
_SEPARATORS = (",", "\t", ";", "|")
_EDGES = " \t\r\n\u00a0\u3000\ufeff"


@dataclass(frozen=True)
class Head:
    """The beginning of a text file.

    Attributes
    ----------
    encoding, separator : str
    header : list of str
        Column names without surrounding blanks and byte order mark; empty if the file has none.
    first : list of str
        Fields of the first data record; empty if there is none.
    width : int
        Fields of a record.
    skip : int
        Lines above the header.
    rivals : tuple of str
        Other encodings that are about as plausible.
    """

    encoding: str
    separator: str
    header: list[str]
    first: list[str]
    width: int
    skip: int = 0
    rivals: tuple[str, ...] = ()


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading bytes, decompressing gzip whatever its name."""
    stream = path.open("rb")
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    return gzip.GzipFile(fileobj=stream, mode="rb") if packed else stream  # type: ignore[return-value]


def read_head_bytes(path: Path) -> bytes:
    """Return the first 256 kB of a file, decompressed.

    Raises
    ------
    DataError
        The file is empty or cannot be read.
    """
    with readable(path), open_bytes(path) as stream:
        content = stream.read(HEAD_BYTES)
    if not content.strip(b"\x00 \t\r\n" + codecs.BOM_UTF8):
        raise DataError(Fault(path.name, "the file is empty", "A header line and at least one record"))
    return content


def read_head(
    path: Path,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    header: bool = True,
    wanted: Sequence[str] = (),
    skip_rows: int | None = None,
    find_header: bool = False,
) -> Head:
    """Read the header and the first data record of a text file, and no more than its first 256 kB.

    Parameters
    ----------
    path : Path
    encoding, separator : str, optional
        Declared values; None: detected.
    header : bool
        Whether the first record names the columns.
    wanted : sequence of str
        Column names that the profile maps; the separator that finds more of them is chosen.
    skip_rows : int, optional
        Lines above the header; default: none, or those above the line that has all wanted names.
    find_header : bool
        Find the header below notes by its shape, if no wanted names are known.

    Raises
    ------
    DataError
        The file is empty, cannot be read, or its declared encoding is unknown.
    """
    content = read_head_bytes(path)
    reading = head_reading(path, encoding, content)
    chosen = reading.encoding
    if len(content) == HEAD_BYTES and not is_wide(chosen):
        content = content[: content.rfind(b"\n") + 1] or content
    text = content.decode(chosen, errors="replace").lstrip("\ufeff").replace("\0", "")
    lines = text.replace("\r\n", "\n").replace("\r", "\n" if "\n" not in text else "\r").split("\n")
    separators = (_plain_separator(separator),) if separator else _SEPARATORS
    skip = skip_rows or 0
    if skip_rows is None and header:
        skip = lines_above(lines, separators, wanted) if wanted else notes_above(lines, separators) * find_header
    lines = lines[skip:]
    if not any(line.strip(_EDGES) for line in lines):
        raise DataError(Fault(path.name, f"no line is left below skip_rows: {skip}", "A header line and a record"))
    used_separator = _plain_separator(separator) or _find_separator(lines, header=header, wanted=wanted)
    rows = _first_rows(lines, used_separator)
    names = [name.strip(_EDGES) for name in rows[0]] if header else []
    first = rows[int(header)] if len(rows) > int(header) else []
    return Head(chosen, used_separator, names, first, len(rows[0]), skip, reading.rivals)


def head_encoding(path: Path, declared: str | None, content: bytes) -> str:
    """Return the encoding of a file: declared, by its byte order mark, or the best fit for its first lines.

    Raises
    ------
    DataError
        The declared encoding is unknown.
    """
    return head_reading(path, declared, content).encoding


def head_reading(path: Path, declared: str | None, content: bytes) -> Reading:
    """Return the encoding of a file as `head_encoding` does, and its rivals.

    Raises
    ------
    DataError
        The declared encoding is unknown.
    """
    certain = known_encoding(path, declared) or encoding_by_mark(content)
    return Reading(certain) if certain else reading_of_lines(_head_lines(content))


def read_lines(path: Path, *, encoding: str, newline: bytes = b"\n") -> Iterator[tuple[int, str | BadLine]]:
    """Read numbered lines without line ends; undecodable lines are `BadLine`s. NULs are removed."""
    offset = 0
    with readable(path), open_bytes(path) as stream:
        lines = stream if newline == b"\n" else _split(stream, newline)
        for number, raw in enumerate(lines, 1):
            content = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
            content = content.rstrip(b"\r\n").replace(b"\0", b"")
            try:
                yield number, content.decode(encoding)
            except UnicodeDecodeError as error:
                escaped = content.decode("ascii", errors="backslashreplace")
                yield number, BadLine(offset + error.start, escaped)
            offset += len(raw)


def transcode(path: Path, target: Path, *, encoding: str) -> Path:
    """Convert a file to UTF-8, readable only by its owner; every byte must decode."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with readable(path), open_bytes(path) as stream, target.open("wb") as copy:
        target.chmod(0o600)
        first = True
        while chunk := stream.read(_CHUNK_BYTES):
            text = decoder.decode(chunk)
            copy.write((text.removeprefix("\ufeff") if first else text).encode("utf-8"))
            first = False
        copy.write(decoder.decode(b"", final=True).encode("utf-8"))
    return target


class readable:  # noqa: N801  (a context, called like a function)
    """Turn the errors of opening and unpacking a file into a DataError that names it."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (EOFError, gzip.BadGzipFile, zlib.error)):
            problem = f"the compressed file cannot be unpacked ({error})"
            raise DataError(Fault(self.path.name, problem, "", "Copy it again, it may be cut short")) from error
        if isinstance(error, OSError):
            problem = f"the file cannot be read ({error.strerror or error})"
            raise DataError(Fault(self.path.name, problem)) from error


def _head_lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return lines[:-1] if len(content) == HEAD_BYTES and len(lines) > 1 else lines


def _plain_separator(separator: str | None) -> str | None:
    return {"\\t": "\t", "tab": "\t"}.get(separator, separator) if separator else None


def _find_separator(lines: Sequence[str], *, header: bool, wanted: Sequence[str]) -> str:
    """Choose the separator that finds most mapped names, then the one with most lines of equal width."""
    names = {name.strip(_EDGES) for name in wanted}
    sample = [line for line in lines if line.strip(_EDGES)][:HEAD_RECORDS]
    best, best_separator = (-1, -1.0, 0), ","
    for separator in (*_SEPARATORS, WHITESPACE):
        rows = [split_line(line, separator).fields for line in sample]
        hits = len(names & {name.strip(_EDGES) for name in rows[0]}) if header else 0
        equal_widths = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        plausible = separator != WHITESPACE or not header or hits > 0
        score = (hits, equal_widths if len(rows[0]) > 1 and plausible else 0.0, min(len(rows[0]), 2))
        if score > best:
            best, best_separator = score, separator
    return best_separator


def _first_rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the fields of the first two records, of any width."""
    remaining = list(itertools.islice((line for line in lines if line.strip(_EDGES)), HEAD_RECORDS * 10))
    rows: list[list[str]] = []
    while remaining and len(rows) < 2:  # noqa: PLR2004  (a header and one record)
        span, line = 1, split_line(remaining[0], separator)
        while line.state == "open" and span < len(remaining):
            span += 1
            line = split_line("\n".join(remaining[:span]), separator)
        if line.state == "open":
            span, line = 1, split_line(remaining[0], separator)
        rows.append(line.fields)
        remaining = remaining[span:]
    return rows


def _split(stream: BinaryIO, newline: bytes) -> Iterator[bytes]:
    remainder = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *complete, remainder = (remainder + chunk).split(newline)
        yield from (line + newline for line in complete)
    if remainder:
        yield remainder
