"""Scan the bytes of a text file once: lines, separators, encoding, and characters that do not occur.

Properties proven for all bytes need not be tested for every cell. Used by 01_check_quality.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from workbench.intake.reading.text.records import WHITESPACE
from workbench.intake.reading.text.size_bounds import SizeBounds
from workbench.intake.reading.text.text_encodings import encoding_by_mark, is_wide, known_encoding, reading_of_lines
from workbench.intake.reading.text.text_files import open_bytes, readable

__all__ = ["Scan", "scan_text"]

_CHUNK_BYTES = 512 << 10  # small arrays stay in cache
_NEWLINE, _RETURN, _SPACE, _QUOTE, _DELETE = 0x0A, 0x0D, 0x20, 0x22, 0x7F
_WIDE_BLANKS = (b"\xc2\xa0", b"\xe1\x9a\x80", b"\xe2\x80", b"\xe2\x81", b"\xe3\x80\x80", b"\xef\xbb\xbf")
_NOTED = b'+_"eE'  # characters whose presence is recorded


@dataclass(frozen=True)
class Scan:
    """Facts about the bytes of a whole file.

    Attributes
    ----------
    encoding : str
    lines : int
        Physical lines, blank ones included.
    separators : int
        Separators in the file.
    plain : bool
        True when every byte decodes and there is no NUL and no lone carriage return: the engine's own reader may
        then read the file.
    blank_quotes : int
        Number of blanks between a separator and a quote: before a quoted field, or inside quoted text.
    decodes : bool
        True when every line decodes.
    nuls : int
        NUL bytes.
    newline : bytes
    trimmed : bool
        True when no cell of a UTF-8 file can begin or end with a blank; the header is not considered.
    printable : bool
        True when a trimmed file has only letters, digits and signs of ASCII; the header is not considered.
    signs : str
        Those of ``+ _ " e E`` that occur in the file after the header.
    rivals : tuple of str
        Other encodings that are about as plausible.
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
    rivals: tuple[str, ...] = ()


def scan_text(path: Path, *, encoding: str | None = None, separator: str = ",", header: bool = False) -> Scan:
    """Scan the bytes of a whole file once (twice where it is not UTF-8), in chunks.

    Parameters
    ----------
    path : Path
    encoding : str, optional
        The declared encoding.
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
    rivals: tuple[str, ...] = ()
    if not decodes and declared is None and marked is None:
        with readable(path), open_bytes(path) as stream:
            reading = reading_of_lines(stream)
            chosen, rivals = reading.encoding, reading.rivals
        decodes = chosen != assumed and _count_bytes(path, chosen, separator).decodes
    wide = is_wide(chosen)
    newline = b"\r" if counts.newlines == 0 and counts.returns and not wide else b"\n"
    plain = decodes and (wide or (counts.nuls == 0 and counts.returns == 0)) and newline == b"\n"
    nuls = 0 if wide else counts.nuls
    trimmed = plain and chosen == "utf-8" and counts.trimmed
    return Scan(
        chosen, counts.lines, counts.separators, plain, counts.odd, decodes, nuls, newline, trimmed,
        printable=trimmed and counts.printable, signs="".join(sorted(counts.signs)), rivals=rivals,
    )  # fmt: skip


@dataclass
class _Counts:
    newlines: int = 0
    returns: int = 0  # carriage returns outside \r\n
    nuls: int = 0
    separators: int = 0
    odd: int = 0  # blanks between a separator and a quote
    last: bytes = b""
    before: bytes = b"\n"  # the last bytes checked, or the end of the header
    lines: int = 0
    decodes: bool = True
    trimmed: bool = True
    printable: bool = True
    signs: set[str] = field(default_factory=set)


def _count_bytes(path: Path, encoding: str, separator: str, *, header: bool = False) -> _Counts:
    decoder = codecs.getincrementaldecoder(encoding)()
    mark = b"" if separator == WHITESPACE else separator.encode(encoding if not is_wide(encoding) else "ascii")
    counts = _Counts(trimmed=len(mark) == 1)
    buffers, size = _Buffers(), SizeBounds(path)
    with readable(path), open_bytes(path) as stream:
        for chunk in _chunks(stream, header=header):
            size.check(chunk)
            piece = _Chunk(chunk, mark, buffers)
            counts.newlines += piece.newlines
            counts.returns += piece.returns - piece.pairs
            counts.nuls += piece.nuls
            counts.separators += piece.separators
            if not (header and not counts.last and chunk.endswith(b"\n")):
                counts.trimmed = counts.trimmed and not piece.may_have_edges(counts.before)
                counts.printable = counts.printable and counts.trimmed and piece.is_printable()
                counts.signs |= {chr(sign) for sign in _NOTED if sign in chunk}
                counts.before = chunk[-3:]
            for content in (counts.last + chunk[:4], chunk):
                counts.odd += sum(content.count(b + b'"') for b in _blanks_after(mark)) if b'"' in content else 0
            counts.last = (counts.last + chunk)[-4:]
            if not (piece.is_ascii and encoding == "utf-8" and not decoder.getstate()[0]):
                counts.decodes = counts.decodes and _decodes(decoder, chunk)
    counts.decodes = counts.decodes and _decodes(decoder, b"", final=True)
    counts.trimmed = counts.trimmed and not counts.before.endswith(b" ")
    ends = counts.newlines or counts.returns
    last_end = b"\n" if counts.newlines else b"\r"
    tail = counts.last.rstrip(b"\0")
    counts.lines = ends + int(bool(tail) and not tail.endswith(last_end))
    return counts


def _chunks(stream: BinaryIO, *, header: bool) -> Iterator[bytes]:
    """Read a file in chunks, its header line first; no chunk ends between the two bytes of a line end."""
    chunk = stream.readline(_CHUNK_BYTES) if header else stream.read(_CHUNK_BYTES)
    while chunk:
        yield chunk + stream.read(1) if chunk.endswith(b"\r") else chunk
        chunk = stream.read(_CHUNK_BYTES)


class _Buffers:
    """Reused arrays for the comparisons of a chunk; allocating them for every chunk costs more than the comparisons."""

    def __init__(self) -> None:
        self.edge, self.other, self.both = (np.empty(_CHUNK_BYTES + 1, np.bool_) for _ in range(3))


class _Chunk:
    """A chunk of a file; comparisons of all its bytes are made once, in arrays reused by the next chunk."""

    def __init__(self, content: bytes, mark: bytes, buffers: _Buffers):
        self.content, self.mark, self.buffers = content, mark, buffers
        self.codes, self.is_ascii = np.frombuffer(content, np.uint8), content.isascii()
        self.is_edge = self._is(_NEWLINE, buffers.edge)
        self.newlines = int(np.count_nonzero(self.is_edge))
        self.controls = int(np.count_nonzero(np.less(self.codes, _SPACE, out=buffers.other[: len(content)])))
        self.returns = self.pairs = self.nuls = 0
        if self.controls > self.newlines:
            self._count_rare()
        self.separators = self._count_separators()

    def _is(self, code: int, buffer: np.ndarray) -> np.ndarray:
        return np.equal(self.codes, code, out=buffer[: len(self.content)])

    def _count_rare(self) -> None:
        is_return = self._is(_RETURN, self.buffers.other)
        self.nuls, self.returns = self.content.count(b"\0"), int(np.count_nonzero(is_return))
        self.pairs = int(np.count_nonzero(self._both(is_return[:-1], self.is_edge[1:])))
        self.is_edge |= is_return

    def _count_separators(self) -> int:
        if len(self.mark) != 1:
            return self.content.count(self.mark) if self.mark else 0
        is_mark = self._is(self.mark[0], self.buffers.other)
        self.is_edge |= is_mark
        return int(np.count_nonzero(is_mark))

    def _both(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.logical_and(left, right, out=self.buffers.both[: len(left)])

    def is_printable(self) -> bool:
        """Return whether there are only letters, digits and signs of ASCII, separators and line ends."""
        usual = self.newlines + self.returns + (self.separators if self.mark < b" " else 0)
        return self.is_ascii and self.controls == usual and _DELETE not in self.content

    def may_have_edges(self, before: bytes) -> bool:
        """Return whether a blank may be at the edge of a cell, next to a separator, a quote or a line end.

        Blanks other than the space count anywhere; multi-byte blanks are detected by their first bytes, which may be in
        the bytes before the content.
        """
        content, mark = self.content, self.mark
        if (mark == b"\t" and b'"' in content) or (mark != b"\t" and b"\t" in content):
            return True
        if b"\v" in content or b"\f" in content:
            return True
        seam = before + content[:3]
        if not (seam.isascii() and self.is_ascii) and any(blank in seam or blank in content for blank in _WIDE_BLANKS):
            return True
        edges = (mark, b'"', b"\r", b"\n")
        return any(b" " + edge in seam or edge + b" " in seam for edge in edges) or self._has_blank_beside()

    def _has_blank_beside(self) -> bool:
        if b" " not in self.content:
            return False
        is_edge = self.is_edge
        if b'"' in self.content:
            is_edge |= self._is(_QUOTE, self.buffers.other)
        is_blank = self._is(_SPACE, self.buffers.other)
        follows = self._both(is_blank[1:], is_edge[:-1]).any()
        return bool(follows or self._both(is_blank[:-1], is_edge[1:]).any())


def _blanks_after(mark: bytes) -> tuple[bytes, ...]:
    return (mark + b" ", b"\n ", mark + b"\t", b"\n\t") if mark and mark != b"\t" else (mark + b" ", b"\n ")


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True
