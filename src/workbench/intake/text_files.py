"""Text files as bytes: compression, encoding, line ends, separator, header.

The encoding is the declared one, else UTF-16 by its mark, UTF-8, or GB18030, whichever fits most lines. It is always
returned, never assumed in silence. Used by 01_check_quality and, on the head of a file alone, by ``workbench check``.
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
from workbench.intake.records import WHITESPACE, BadLine, split_line

__all__ = [
    "Head",
    "Scan",
    "head_encoding",
    "is_wide",
    "open_bytes",
    "read_head",
    "read_head_bytes",
    "read_lines",
    "readable",
    "scan_text",
    "transcode",
]

HEAD_BYTES = 262_144
HEAD_RECORDS = 20
_CHUNK_BYTES = 4 << 20
_SEPARATORS = (",", "\t", ";", "|")
_NUL_SHARE = 0.2  # text of two bytes a letter without a mark has a NUL at every other byte
_MARKS = (  # the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\r\n"
_WIDE_BLANKS = (b"\xc2\xa0", b"\xe1\x9a\x80", b"\xe2\x80", b"\xe2\x81", b"\xe3\x80\x80", b"\xef\xbb\xbf")
_EDGES = " \t\r\n\u00a0\u3000\ufeff"


@dataclass(frozen=True)
class Head:
    """The beginning of a text file.

    Attributes
    ----------
    encoding, separator : str
    header : list of str
        Column names without surrounding blanks and byte order mark; empty where the file has none.
    first : list of str
        Fields of the first data record; empty where there is none.
    width : int
        Fields of a record.
    """

    encoding: str
    separator: str
    header: list[str]
    first: list[str]
    width: int


@dataclass(frozen=True)
class Scan:
    """What the bytes of a whole file say.

    Attributes
    ----------
    encoding : str
    lines : int
        Physical lines, blank ones included.
    separators : int
        How often the separator stands in the file.
    plain : bool
        True when every byte decodes and no NUL and no lone carriage return is there: then the engine's
        own reader may try.
    blank_quotes : int
        How often blanks stand between a separator and a quote: a quoted field begins there, or quoted text holds it.
    decodes : bool
        True when every line decodes.
    nuls : int
        NUL bytes.
    newline : bytes
    trimmed : bool
        True when surely no cell of a UTF-8 file begins or ends with a blank; the header's own are left out.
    printable : bool
        True when a trimmed file holds nothing but letters, digits and signs of ASCII; the header's own are left out.
    """

    encoding: str
    lines: int
    separators: int
    plain: bool
    blank_quotes: int
    decodes: bool
    nuls: int
    newline: bytes
    trimmed: bool = False
    printable: bool = False


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading bytes, decompressing gzip whatever its name."""
    stream = path.open("rb")
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    return gzip.GzipFile(fileobj=stream, mode="rb") if packed else stream  # type: ignore[return-value]


def read_head_bytes(path: Path) -> bytes:
    """Return the first 256 kB of a file, unpacked.

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
) -> Head:
    """Read the header and the first data record of a text file, and no more than its first 256 kB.

    Parameters
    ----------
    path : Path
    encoding, separator : str, optional
        As declared; found otherwise.
    header : bool
        Whether the first record names the columns.
    wanted : sequence of str
        Column names the profile maps; of two possible separators the one that finds more of them wins.

    Raises
    ------
    DataError
        The file is empty, cannot be read, or its declared encoding is unknown.
    """
    content = read_head_bytes(path)
    chosen = head_encoding(path, encoding, content)
    if len(content) == HEAD_BYTES and not is_wide(chosen):
        content = content[: content.rfind(b"\n") + 1] or content
    text = content.decode(chosen, errors="replace").lstrip("\ufeff").replace("\0", "")
    lines = text.replace("\r\n", "\n").replace("\r", "\n" if "\n" not in text else "\r").split("\n")
    found = _plain_separator(separator) or _find_separator(lines, header=header, wanted=wanted)
    rows = _first_rows(lines, found)
    names = [name.strip(_EDGES) for name in rows[0]] if header else []
    first = rows[int(header)] if len(rows) > int(header) else []
    return Head(chosen, found, names, first, len(rows[0]))


def head_encoding(path: Path, declared: str | None, content: bytes) -> str:
    """Return the encoding of a file: as declared, by its mark, or the one that fits most lines of its beginning.

    Raises
    ------
    DataError
        The declared encoding is unknown.
    """
    return _known_encoding(path, declared) or _encoding_by_mark(content) or _encoding_by_lines(_head_lines(content))


def is_wide(encoding: str) -> bool:
    """Tell whether a letter takes two bytes or four in an encoding."""
    return encoding.startswith(("utf-16", "utf-32"))


def scan_text(path: Path, *, encoding: str | None = None, separator: str = ",", header: bool = False) -> Scan:
    """Scan the bytes of a whole file once (twice where it is not UTF-8), holding 4 MB of it at a time.

    Parameters
    ----------
    path : Path
    encoding : str, optional
        As declared.
    separator : str
    header : bool
        Whether the first line names the columns.
    """
    declared = _known_encoding(path, encoding)
    with readable(path), open_bytes(path) as stream:
        marked = _encoding_by_mark(stream.read(4096))
    assumed = declared or marked or "utf-8"
    counts = _count_bytes(path, assumed, separator, header=header)
    decodes, chosen = counts.decodes, assumed
    if not decodes and declared is None and marked is None:
        with readable(path), open_bytes(path) as stream:
            chosen = _encoding_by_lines(stream)
        decodes = chosen != assumed and _count_bytes(path, chosen, separator).decodes
    wide = is_wide(chosen)
    newline = b"\r" if counts.newlines == 0 and counts.returns and not wide else b"\n"
    plain = decodes and (wide or (counts.nuls == 0 and counts.returns == 0)) and newline == b"\n"
    nuls = 0 if wide else counts.nuls
    trimmed = plain and chosen == "utf-8" and counts.trimmed
    printable = trimmed and counts.printable
    return Scan(chosen, counts.lines, counts.separators, plain, counts.odd, decodes, nuls, newline, trimmed, printable)


def read_lines(path: Path, *, encoding: str, newline: bytes = b"\n") -> Iterator[tuple[int, str | BadLine]]:
    """Read numbered lines without their ends; a line that does not decode comes as a `BadLine`. NULs are removed."""
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
    """Write a file anew in UTF-8, readable by its owner alone; every byte must decode."""
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
            found = f"the compressed file cannot be unpacked ({error})"
            raise DataError(Fault(self.path.name, found, "", "Copy it again, it may be cut short")) from error
        if isinstance(error, OSError):
            found = f"the file cannot be read ({error.strerror or error})"
            raise DataError(Fault(self.path.name, found)) from error


@dataclass
class _Counts:
    newlines: int = 0
    returns: int = 0  # carriage returns that are no part of \r\n
    nuls: int = 0
    separators: int = 0
    odd: int = 0  # blanks between a separator and a quote
    last: bytes = b""
    lines: int = 0
    decodes: bool = True
    trimmed: bool = True
    printable: bool = True


def _count_bytes(path: Path, encoding: str, separator: str, *, header: bool = False) -> _Counts:
    counts, decoder = _Counts(), codecs.getincrementaldecoder(encoding)()
    mark = b"" if separator == WHITESPACE else separator.encode(encoding if not is_wide(encoding) else "ascii")
    before = b"\n"
    with readable(path), open_bytes(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            if chunk.endswith(b"\r"):
                chunk += stream.read(1)
            counts.newlines += chunk.count(b"\n")
            counts.returns += chunk.count(b"\r") - chunk.count(b"\r\n")
            counts.nuls += chunk.count(b"\0")
            counts.separators += chunk.count(mark) if mark else 0
            body = chunk[chunk.find(b"\n") + 1 :] if header and not counts.last else chunk
            counts.trimmed = counts.trimmed and not _may_have_edges(before + body, mark)
            counts.printable = counts.printable and counts.trimmed and not body.translate(None, _PRINTABLE + mark)
            before = chunk[-3:]
            edge = counts.last + chunk[:4]
            counts.odd += sum(each.count(b + b'"') for each in (edge, chunk) for b in _blanks_after(mark))
            counts.last = chunk[-4:]
            counts.decodes = counts.decodes and _decodes(decoder, chunk)
    counts.decodes = counts.decodes and _decodes(decoder, b"", final=True)
    counts.trimmed = counts.trimmed and not before.endswith(b" ")
    ends = counts.newlines or counts.returns
    last_end = b"\n" if counts.newlines else b"\r"
    tail = counts.last.rstrip(b"\0")
    counts.lines = ends + int(bool(tail) and not tail.endswith(last_end))
    return counts


def _may_have_edges(content: bytes, mark: bytes) -> bool:
    """Tell whether a blank may stand at the edge of a cell: beside a separator, a quote or a line end.

    Rarer blanks than the space count wherever they stand, the wide ones by the bytes with which they begin.
    """
    if not mark or (mark == b"\t" and b'"' in content) or (mark != b"\t" and b"\t" in content):
        return True
    if b"\v" in content or b"\f" in content:
        return True
    if not content.isascii() and any(blank in content for blank in _WIDE_BLANKS):
        return True
    return any(b" " + at in content or at + b" " in content for at in (mark, b'"', b"\n", b"\r"))


def _blanks_after(mark: bytes) -> tuple[bytes, ...]:
    return (mark + b" ", b"\n ", mark + b"\t", b"\n\t") if mark and mark != b"\t" else (mark + b" ", b"\n ")


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _known_encoding(path: Path, encoding: str | None) -> str | None:
    if encoding is None:
        return None
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)
    except LookupError:
        raise DataError(Fault(path.name, f"unknown encoding {encoding!r}", "For example utf-8 or gb18030")) from None
    return {"utf-8-sig": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}.get(name, name)


def _encoding_by_mark(content: bytes) -> str | None:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    nuls = content.count(b"\0")
    if nuls > _NUL_SHARE * len(content):
        return "utf-16-le" if content[1::2].count(b"\0") > nuls / 2 else "utf-16-be"
    return None


def _encoding_by_lines(lines: Iterator[bytes] | Sequence[bytes] | BinaryIO) -> str:
    """Choose UTF-8 unless most lines beyond ASCII are not UTF-8 and GB18030 reads more of them."""
    total, utf8, chinese = 0, 0, 0
    for line in lines:
        if not line.isascii():
            total += 1
            utf8 += _fits(line, "utf-8")
            chinese += _fits(line, "gb18030")
    return "gb18030" if 2 * utf8 < total and chinese > utf8 else "utf-8"


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _head_lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return lines[:-1] if len(content) == HEAD_BYTES and len(lines) > 1 else lines


def _plain_separator(separator: str | None) -> str | None:
    return {"\\t": "\t", "tab": "\t"}.get(separator, separator) if separator else None


def _find_separator(lines: Sequence[str], *, header: bool, wanted: Sequence[str]) -> str:
    """Choose the separator that finds most of the mapped names, then the one with most equal widths."""
    names = {name.strip(_EDGES) for name in wanted}
    some = [line for line in lines if line.strip(_EDGES)][:HEAD_RECORDS]
    best, found = (-1, -1.0, 0), ","
    for separator in (*_SEPARATORS, WHITESPACE):
        rows = [split_line(line, separator).fields for line in some]
        hits = len(names & {name.strip(_EDGES) for name in rows[0]}) if header else 0
        alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        spread = separator != WHITESPACE or not header or hits > 0
        score = (hits, alike if len(rows[0]) > 1 and spread else 0.0, min(len(rows[0]), 2))
        if score > best:
            best, found = score, separator
    return found


def _first_rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the fields of the first two records, whatever their width."""
    some = list(itertools.islice((line for line in lines if line.strip(_EDGES)), HEAD_RECORDS * 10))
    rows: list[list[str]] = []
    while some and len(rows) < 2:  # noqa: PLR2004  (a header and one record)
        taken, line = 1, split_line(some[0], separator)
        while line.state == "open" and taken < len(some):
            taken += 1
            line = split_line("\n".join(some[:taken]), separator)
        if line.state == "open":
            taken, line = 1, split_line(some[0], separator)
        rows.append(line.fields)
        some = some[taken:]
    return rows


def _split(stream: BinaryIO, newline: bytes) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(newline)
        yield from (line + newline for line in whole)
    if rest:
        yield rest
