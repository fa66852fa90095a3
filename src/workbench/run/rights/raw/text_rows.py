"""Remove rows from delimited text; encoding, dialect, line ends and compression stay, other lines byte for byte."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.intake.reading.text.records import WHITESPACE, BadLine, Record, read_records, split_line
from workbench.run.rights.raw.rules import RowRules, RowVerdict, judge_cells
from workbench.run.rights.traces.traces import ERASED, Traces

if TYPE_CHECKING:
    from workbench.intake.reading.text.text_files import Head

__all__ = ["Cleaned", "clean_text", "pack_like", "unpack"]

_GZIP = b"\x1f\x8b"
_SINGLE_BYTE_SAFE = (",", "\t", ";")  # no second byte of a Chinese or Japanese encoding


@dataclass
class Cleaned:
    """The new content of a file, and the number of changes.

    Attributes
    ----------
    content : bytes
    removed : int
        Rows of erased people that were removed.
    blanked : int
        Cells in other rows that named them and were blanked.
    """

    content: bytes
    removed: int = 0
    blanked: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything was removed."""
        return bool(self.removed or self.blanked)


def unpack(content: bytes) -> bytes:
    """Decompress gzip content; return other content unchanged."""
    return gzip.decompress(content) if content[:2] == _GZIP else content


def pack_like(original: bytes, content: bytes) -> bytes:
    """Compress content if the original was compressed, with the original timestamp."""
    if original[:2] != _GZIP:
        return content
    (packed_at,) = struct.unpack("<I", original[4:8])
    return gzip.compress(content, mtime=packed_at)


def clean_text(
    content: bytes, *, head: Head, encoding: str, rules: Sequence[RowRules], traces: Traces, newline: bytes = b"\n"
) -> Cleaned:
    """Remove the rows of erased people from a text file, and their words from the rows of others.

    Parameters
    ----------
    content : bytes
        Uncompressed bytes.
    head : Head
        Separator, width, header.
    encoding : str
    rules : sequence of RowRules
        Columns are positions from 1.
    traces : Traces
        Its words are masked in other rows; a line that is not a record is removed if it contains one.
    newline : bytes
    """
    wide = encoding.replace("_", "-").lower().startswith(("utf-16", "utf-32"))
    if wide:
        codec = _exact_codec(encoding, content)
        cleaned = clean_text(
            content.decode(codec).encode("utf-8", "surrogatepass"), head=head, encoding="utf-8", rules=rules,
            traces=traces,
        )  # fmt: skip
        text = cleaned.content.decode("utf-8", "surrogatepass")
        return Cleaned(text.encode(codec), cleaned.removed, cleaned.blanked)
    pattern = traces.in_encoding(encoding)
    if _is_plain(content, head, encoding, rules, newline):
        plain = _clean_plain(content, head=head, encoding=encoding, rules=rules)
        if not traces.holds(plain.content):
            return plain
    suspicious = traces.holds(content)
    result, parts = Cleaned(b""), []
    for lines, cells in _records(content, head, encoding, newline):
        raw = b"".join(lines)
        kept = raw
        if cells is not None:
            verdict = judge_cells(cells, rules)
            if verdict.remove:
                result.removed += 1
                continue
            for place in verdict.blank:
                kept = _blank(kept, str(cells[int(place) - 1]), int(place), head=head, encoding=encoding)
                result.blanked += 1
        if suspicious and pattern and pattern.search(kept):
            if cells is None:
                result.removed += 1
                continue
            kept, count = pattern.subn(ERASED.encode("ascii"), kept)
            result.blanked += count
        parts.append(kept)
    result.content = b"".join(parts)
    return result


def _is_plain(content: bytes, head: Head, encoding: str, rules: Sequence[RowRules], newline: bytes) -> bool:
    """Return whether records are single lines without quoted separators, so that bytes need no decoding."""
    return (
        b'"' not in content and b"\0" not in content and newline == b"\n" and head.separator in _SINGLE_BYTE_SAFE
        and not any(rule.spaces for rule in rules) and not encoding.startswith("shift")
    )  # fmt: skip


def _clean_plain(content: bytes, *, head: Head, encoding: str, rules: Sequence[RowRules]) -> Cleaned:
    """Remove rows; decode only lines with a cell that may be an erased id."""
    separator = head.separator.encode("ascii")
    places = sorted({int(place) - 1 for rule in rules for place in (*rule.own, *rule.others)})
    ids = frozenset().union(*(rule.ids for rule in rules))
    id_bytes = {value.encode(encoding) for value in ids if _fits(value, encoding)}
    result, parts = Cleaned(b""), []
    last, above = (places[-1] + 1 if places else 0), head.skip + int(bool(head.header))
    for number, line in enumerate(_lines(content)):
        fields = line.split(separator, last) if number >= above else []
        cells = [fields[place].strip() for place in places if place < len(fields)]
        if not any(cell in id_bytes or cell.endswith(b".0") or not cell.isascii() for cell in cells):
            parts.append(line)
            continue
        text = line.decode(encoding, "replace")
        values = text.rstrip("\r\n").split(head.separator)
        verdict = judge_cells(values, rules) if len(values) == head.width else RowVerdict()
        if verdict.remove:
            result.removed += 1
            continue
        for place in verdict.blank:
            line = _blank(line, values[int(place) - 1], int(place), head=head, encoding=encoding)  # noqa: PLW2901
            result.blanked += 1
        parts.append(line)
    result.content = b"".join(parts)
    return result


def _fits(value: str, encoding: str) -> bool:
    try:
        value.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _records(
    content: bytes, head: Head, encoding: str, newline: bytes
) -> Iterator[tuple[list[bytes], Sequence[str] | None]]:
    """Yield the physical lines and fields of every record; fields are None for notes, header, blank, broken lines."""
    lines = content.split(newline)
    lines = [line + newline for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    above = head.skip + (1 if head.header else 0)
    texts = [_decoded(line, encoding, first=at == 0) for at, line in enumerate(lines)]
    at = 0
    if head.header or head.skip:
        header_lines = _header_lines(texts, head) if head.header else 0
        above = head.skip + header_lines
        for line in lines[:above]:
            yield [line], None
        at = above
    odd = any(isinstance(text, BadLine) or text.count('"') % 2 for text in texts[at:])
    if not odd or head.separator == WHITESPACE:
        for line, text in zip(lines[at:], texts[at:], strict=True):
            fields = split_line(text, head.separator).fields if isinstance(text, str) and text.strip() else None
            yield [line], fields if fields and len(fields) == head.width else None
        return
    numbered = ((number, text) for number, text in enumerate(texts[at:], at + 1))
    for record in read_records(numbered, width=head.width, separator=head.separator):
        if isinstance(record, Record):
            span = 1 + sum(cell.count("\n") for cell in record.fields)
            yield lines[at : at + span], record.fields
        else:
            span = 1
            yield lines[at : at + 1], None
        at += span


def _header_lines(texts: Sequence[str | BadLine], head: Head) -> int:
    """Count the lines of the header, which a quoted name may span."""
    first = texts[head.skip] if head.skip < len(texts) else ""
    if isinstance(first, BadLine) or first.count('"') % 2 == 0:
        return 1
    joined = first
    for count, text in enumerate(texts[head.skip + 1 : head.skip + 50], 2):
        joined += "\n" + (text if isinstance(text, str) else "")
        if split_line(joined, head.separator).state != "open":
            return count
    return 1


def _decoded(line: bytes, encoding: str, *, first: bool) -> str | BadLine:
    content = (line.removeprefix(b"\xef\xbb\xbf") if first else line).rstrip(b"\r\n").replace(b"\0", b"")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        return BadLine(error.start, "")


def _blank(raw: bytes, cell: str, place: int, *, head: Head, encoding: str) -> bytes:
    """Empty one cell of a record, leaving every other byte as it is."""
    separator = " " if head.separator == WHITESPACE else head.separator
    text = raw.decode(encoding)
    at = 0
    for number in range(1, place + 1):
        start, end = _field_span(text, at, separator)
        if number == place:
            return (text[:start] + text[end:]).encode(encoding)
        at = end + len(separator)
    raise ValueError(f"no field {place} ({cell!r})")


def _field_span(text: str, position: int, separator: str) -> tuple[int, int]:
    """Return start and end of the field position a position, with its quotes, without the line end."""
    start = position
    while text[position : position + 1] in (" ", "\t") and text[position : position + 1] != separator:
        position += 1
    if text[position : position + 1] == '"':
        position += 1
        while True:
            position = text.find('"', position)
            if position < 0:
                return start, len(text.rstrip("\r\n"))
            if text[position + 1 : position + 2] != '"':
                break
            position += 2
    end = text.find(separator, position)
    return start, len(text.rstrip("\r\n")) if end < 0 else end


def _exact_codec(encoding: str, content: bytes) -> str:
    """Return the codec that preserves the byte order mark and the byte order."""
    name = encoding.replace("_", "-").lower()
    if name in ("utf-16", "utf-32"):
        return f"{name}-be" if content[:2] in (b"\xfe\xff", b"\0\0") else f"{name}-le"
    return name
