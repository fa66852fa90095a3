"""The exact record reader: splits a text file into records and rejected lines with a reason.

A physical record is one line unless a quoted field validly spans lines, whatever these look like: the first quote
inside that is not doubled decides. A quote that is never validly closed (before a separator or a line end, within 1,000
lines, leaving a record of the full number of fields) is closed at its own line end: that line is rejected, the next is
read. Slower than the engine's reader, and used only where that one refuses a file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["WHITESPACE", "BadLine", "Line", "Record", "RejectedRecord", "read_records", "split_line"]

WHITESPACE = "whitespace"
MAX_SPAN_LINES = 1000  # a longer quoted field counts as an unclosed quote
_BLANKS = " \t\u00a0\u3000"


@dataclass(frozen=True, slots=True)
class Line:
    """The fields of a line; ``state`` is closed, open (an unclosed quote) or stray (text after a closing quote)."""

    fields: list[str]
    state: str = "closed"
    loose: bool = False  # a quote inside a field that does not begin with one


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be decoded: its byte offset in the file and an escaped copy."""

    offset: int
    raw: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record with the full number of fields, and the line on which it begins (from 1).

    Attributes
    ----------
    line : int
    fields : list of str
    multiline : bool
        A cell spans several lines.
    inside : int
        The line of the record if one of its later lines would be a record by itself; else 0.
    """

    line: int
    fields: list[str]
    multiline: bool = False
    inside: int = 0


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record whose structure or encoding is broken: line, field (position from 1, 0 unknown), code, raw text."""

    line: int
    field: int
    code: str
    raw: str


def split_line(text: str, separator: str) -> Line:
    """Split a line into fields; quotes are ``"`` doubled inside, blanks may stand around a quoted field.

    Parameters
    ----------
    text : str
        A line without its line end; line ends inside quotes are allowed.
    separator : str
        One or more characters, or ``whitespace``.

    Examples
    --------
    >>> split_line("1, 'a',3", ",").fields
    ['1', " 'a'", '3']
    """
    if separator == WHITESPACE:
        return Line(text.split())
    if '"' not in text:
        return Line(text.split(separator))
    fields, at, loose, stray = [], 0, False, False
    while True:
        start = _skip_blanks(text, at, separator)
        if text[start : start + 1] == '"':
            field, at = _quoted(text, start + 1)
            fields.append(field)
            if at < 0:
                return Line(fields, "open", loose)
            at = _skip_blanks(text, at, separator)
            if at < len(text) and not text.startswith(separator, at):
                stray = True
                at = _find(text, separator, at)
        else:
            end = _find(text, separator, at)
            fields.append(text[at:end])
            loose = loose or '"' in fields[-1]
            at = end
        if at >= len(text):
            return Line(fields, "stray" if stray else "closed", loose)
        at += len(separator)


def read_records(
    lines: Iterable[tuple[int, str | BadLine]], *, width: int, separator: str
) -> Iterator[Record | RejectedRecord | None]:
    """Read records from numbered lines.

    Parameters
    ----------
    lines : iterable of (int, str or BadLine)
        Line number in the file (from 1) and the line without its end.
    width : int
        Number of fields of a record.
    separator : str

    Yields
    ------
    Record, RejectedRecord or None
        In file order; None for a blank line, which is not a record. Codes: ``missing-cell``, ``extra-cell``,
        ``unclosed-quote``, ``stray-quote``, ``invalid-encoding``.
    """
    ahead = _Ahead(lines)
    while (numbered_line := ahead.take()) is not None:
        number, text = numbered_line
        if isinstance(text, BadLine):
            yield RejectedRecord(number, 0, "invalid-encoding", f"byte {text.offset}: {text.raw}")
        elif not text.strip(_BLANKS) and (separator == WHITESPACE or separator not in text):
            yield None
        else:
            line, inside, whole = split_line(text, separator), 0, text
            if line.state == "open":
                whole, line, inside = _extend(text, line, ahead, width=width, separator=separator)
            judged = _judge(number, whole, line, width)
            if whole is not text and isinstance(judged, Record):
                judged = Record(number, line.fields, True, number if inside else 0)
            yield judged


def _judge(number: int, text: str, line: Line, width: int) -> Record | RejectedRecord:
    count = len(line.fields)
    if line.state == "open":
        return RejectedRecord(number, min(count, width), "unclosed-quote", text)
    if line.state == "stray":
        return RejectedRecord(number, 0, "stray-quote", text)
    if count < width:
        return RejectedRecord(number, count + 1, "missing-cell", text)
    if count > width:
        return RejectedRecord(number, 0, "extra-cell", text)
    return Record(number, line.fields)


def _extend(text: str, line: Line, ahead: _Ahead, *, width: int, separator: str) -> tuple[str, Line, int]:
    """Join the following lines to a line with an unclosed quote; leave it unchanged if that gives no record.

    The last value is the position of the first joined line that would be a record by itself, from 1; 0 for none.
    """
    joined, inside = text, 0
    for steps in range(1, MAX_SPAN_LINES + 1):
        following = ahead.look(steps)
        if following is None or isinstance(following, BadLine):
            return text, line, 0
        joined = f"{joined}\n{following}"
        whole = split_line(joined, separator) if '"' in following else None
        if whole is None or whole.state == "open":
            inside = inside or steps * _is_record(following, width=width, separator=separator)
            continue
        if whole.state == "stray" or len(whole.fields) != width:
            return text, line, 0  # not validly closed: the quote ends with its line
        ahead.drop(steps)
        return joined, whole, inside
    return text, line, 0


def _is_record(text: str, *, width: int, separator: str) -> bool:
    single = split_line(text, separator)
    return single.state == "closed" and len(single.fields) == width and width > 1


class _Ahead:
    """An iterator of lines with look-ahead."""

    def __init__(self, lines: Iterable[tuple[int, str | BadLine]]):
        self.source = iter(lines)
        self.waiting: deque[tuple[int, str | BadLine]] = deque()

    def take(self) -> tuple[int, str | BadLine] | None:
        return self.waiting.popleft() if self.waiting else next(self.source, None)

    def look(self, steps: int) -> str | BadLine | None:
        while len(self.waiting) < steps:
            following = next(self.source, None)
            if following is None:
                return None
            self.waiting.append(following)
        return self.waiting[steps - 1][1]

    def drop(self, steps: int) -> None:
        for _ in range(steps):
            self.waiting.popleft()


def _skip_blanks(text: str, at: int, separator: str) -> int:
    while at < len(text) and text[at] in _BLANKS and not text.startswith(separator, at):
        at += 1
    return at


def _quoted(text: str, at: int) -> tuple[str, int]:
    """Read from after an opening quote; return the field and the position after its end, or -1."""
    parts: list[str] = []
    while True:
        end = text.find('"', at)
        if end < 0:
            return "".join([*parts, text[at:]]), -1
        parts.append(text[at:end])
        if text[end + 1 : end + 2] != '"':
            return "".join(parts), end + 1
        parts.append('"')
        at = end + 2


def _find(text: str, separator: str, at: int) -> int:
    end = text.find(separator, at)
    return len(text) if end < 0 else end
