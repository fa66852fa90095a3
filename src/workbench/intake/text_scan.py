"""One pass over the bytes of a text file: lines, separators, encoding, and what surely stands nowhere in it.

Whatever can be proven of all bytes need not be asked of every cell; used by 01_check_quality.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workbench.intake.records import WHITESPACE
from workbench.intake.text_encodings import encoding_by_lines, encoding_by_mark, is_wide, known_encoding
from workbench.intake.text_files import open_bytes, readable

__all__ = ["Scan", "scan_text"]

_CHUNK_BYTES = 4 << 20
_SPACE, _DELETE = 0x20, 0x7F
_WIDE_BLANKS = (b"\xc2\xa0", b"\xe1\x9a\x80", b"\xe2\x80", b"\xe2\x81", b"\xe3\x80\x80", b"\xef\xbb\xbf")
_NOTED = b'+_"eE'  # signs of which it is noted whether they are there at all


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
    signs : str
        Which of ``+ _ " e E`` stand in the file, its header left out.
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
    signs: str = _NOTED.decode()


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
    declared = known_encoding(path, encoding)
    with readable(path), open_bytes(path) as stream:
        marked = encoding_by_mark(stream.read(4096))
    assumed = declared or marked or "utf-8"
    counts = _count_bytes(path, assumed, separator, header=header)
    decodes, chosen = counts.decodes, assumed
    if not decodes and declared is None and marked is None:
        with readable(path), open_bytes(path) as stream:
            chosen = encoding_by_lines(stream)
        decodes = chosen != assumed and _count_bytes(path, chosen, separator).decodes
    wide = is_wide(chosen)
    newline = b"\r" if counts.newlines == 0 and counts.returns and not wide else b"\n"
    plain = decodes and (wide or (counts.nuls == 0 and counts.returns == 0)) and newline == b"\n"
    nuls = 0 if wide else counts.nuls
    trimmed = plain and chosen == "utf-8" and counts.trimmed
    return Scan(
        chosen, counts.lines, counts.separators, plain, counts.odd, decodes, nuls, newline, trimmed,
        printable=trimmed and counts.printable, signs="".join(sorted(counts.signs)),
    )  # fmt: skip


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
    signs: set[str] = field(default_factory=set)


def _count_bytes(path: Path, encoding: str, separator: str, *, header: bool = False) -> _Counts:
    counts, decoder = _Counts(), codecs.getincrementaldecoder(encoding)()
    mark = b"" if separator == WHITESPACE else separator.encode(encoding if not is_wide(encoding) else "ascii")
    before = b"\n"
    with readable(path), open_bytes(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            if chunk.endswith(b"\r"):
                chunk += stream.read(1)
            codes = np.frombuffer(chunk, np.uint8)
            newlines, returns = _count(codes, b"\n"), _count(codes, b"\r") if b"\r" in chunk else 0
            counts.newlines += newlines
            counts.returns += returns - (_pairs(codes, b"\r\n") if returns else 0)
            counts.nuls += chunk.count(b"\0") if b"\0" in chunk else 0
            counts.separators += _count(codes, mark) if len(mark) == 1 else chunk.count(mark) if mark else 0
            body = chunk[chunk.find(b"\n") + 1 :] if header and not counts.last else chunk
            counts.trimmed = counts.trimmed and not _may_have_edges(before, body, mark)
            counts.printable = counts.printable and counts.trimmed and _is_printable(body, mark)
            counts.signs |= {chr(sign) for sign in _NOTED if sign in body}
            before = chunk[-3:]
            for each in (counts.last + chunk[:4], chunk):
                counts.odd += sum(each.count(b + b'"') for b in _blanks_after(mark)) if b'"' in each else 0
            counts.last = chunk[-4:]
            counts.decodes = counts.decodes and _decodes(decoder, chunk, encoding)
    counts.decodes = counts.decodes and _decodes(decoder, b"", encoding, final=True)
    counts.trimmed = counts.trimmed and not before.endswith(b" ")
    ends = counts.newlines or counts.returns
    last_end = b"\n" if counts.newlines else b"\r"
    tail = counts.last.rstrip(b"\0")
    counts.lines = ends + int(bool(tail) and not tail.endswith(last_end))
    return counts


def _count(codes: np.ndarray, byte: bytes) -> int:
    return int(np.count_nonzero(codes == byte[0]))


def _pairs(codes: np.ndarray, pair: bytes) -> int:
    """Count two bytes that follow each other."""
    return int(np.count_nonzero((codes[:-1] == pair[0]) & (codes[1:] == pair[1])))


def _is_printable(content: bytes, mark: bytes) -> bool:
    """Tell whether there is nothing but letters, digits and signs of ASCII, the mark and line ends."""
    if not content.isascii() or _DELETE in content:
        return False
    codes = np.frombuffer(content, np.uint8)
    ends = sum(_count(codes, each) for each in {b"\r", b"\n", mark} if each and each[0] < _SPACE)
    return int(np.count_nonzero(codes < _SPACE)) == ends


def _may_have_edges(before: bytes, content: bytes, mark: bytes) -> bool:
    """Tell whether a blank may stand at the edge of a cell: beside a separator, a quote or a line end.

    Rarer blanks than the space count wherever they stand, the wide ones by the bytes with which they begin, of which
    the last bytes before the content may hold a part.
    """
    if len(mark) != 1 or (mark == b"\t" and b'"' in content) or (mark != b"\t" and b"\t" in content):
        return True
    if b"\v" in content or b"\f" in content:
        return True
    seam = before + content[:3]
    if any(not each.isascii() and any(blank in each for blank in _WIDE_BLANKS) for each in (seam, content)):
        return True
    return any(b" " in each and _has_blank_beside(each, mark + b'"\r\n') for each in (seam, content))


def _has_blank_beside(content: bytes, edges: bytes) -> bool:
    codes = np.frombuffer(content, np.uint8)
    blanks = np.flatnonzero(codes == _SPACE)
    beside = [codes[blanks[blanks > 0] - 1], codes[blanks[blanks < codes.size - 1] + 1]]
    return any((each == edge).any() for each in beside for edge in edges)


def _blanks_after(mark: bytes) -> tuple[bytes, ...]:
    return (mark + b" ", b"\n ", mark + b"\t", b"\n\t") if mark and mark != b"\t" else (mark + b" ", b"\n ")


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, encoding: str, *, final: bool = False) -> bool:
    if encoding == "utf-8" and not final and chunk.isascii() and not decoder.getstate()[0]:
        return True
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True
