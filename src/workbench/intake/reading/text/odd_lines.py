"""Lines of a text file with too few or too many fields: skipped by the engine, then read and counted one by one.

The scan of the bytes gives the number of separators. If records and skipped lines together have all of them, and every
skipped line has another number of separators than a record, no line is lost or misread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

import ibis

from workbench.intake.reading.text.records import RejectedRecord, read_records
from workbench.intake.reading.text.text_files import Head, open_bytes, readable

if TYPE_CHECKING:
    from workbench.intake.reading.text.raw_files import ReadyText

__all__ = ["OddLines", "leave_out", "leaves_out", "line_sql", "pick_lines"]

_MOST = 1000  # a file with more odd lines goes to the exact reader
_names = count()


@dataclass(frozen=True)
class OddLines:
    """The skipped lines: their numbers from 1, ascending, and the rejected records."""

    numbers: tuple[int, ...] = ()
    rejected: tuple[RejectedRecord, ...] = ()


def leaves_out(ready: ReadyText, head: Head) -> bool:
    """Return whether a file has lines to skip, since its number of separators does not match its records."""
    return ready.facts.separators != ready.facts.lines * (head.width - 1)


def leave_out(
    engine: ibis.BaseBackend, copy: Callable[[str], int], ready: ReadyText, *, head: Head
) -> tuple[int, OddLines | None]:
    """Copy the records of a file; return their number and the skipped lines (None if they do not add up to the file).

    Parameters
    ----------
    engine : ibis.BaseBackend
    copy : callable
        Copies the records; takes the name of the table in which the engine records the lines it leaves out (empty:
        none may be left out).
    ready : ReadyText
    head : Head
    """
    lines = ready.facts.lines - int(bool(head.header))
    if not leaves_out(ready, head):
        copied = copy("")
        return copied, OddLines() if copied == lines else None
    name = f"odd_lines_{next(_names)}"
    try:
        copied = copy(name)
        query = f"SELECT DISTINCT line FROM {name} ORDER BY line LIMIT {_MOST + 1}"
        numbers = tuple(int(row[0]) for row in engine.raw_sql(query).fetchall())
    finally:
        for table in (name, f"{name}_scan"):
            engine.raw_sql(f"DROP TABLE IF EXISTS {table}")
    if len(numbers) > _MOST or copied + len(numbers) != lines:
        return copied, None
    return copied, _account(ready, head, copied, numbers)


def _account(ready: ReadyText, head: Head, copied: int, numbers: tuple[int, ...]) -> OddLines | None:
    """Judge the skipped lines; None unless they and the records have all separators of the file."""
    parsed = [
        (line, [*read_records([line], width=head.width, separator=head.separator)])
        for line in pick_lines(ready, numbers)
    ]
    rejected = [record for _, records in parsed for record in records if isinstance(record, RejectedRecord)]
    if len(rejected) != len(numbers):
        return None
    in_odd_lines = sum(text.count(head.separator) for (_, text), _ in parsed)
    in_header = sum(name.count(head.separator) for name in head.header) + (head.width - 1 if head.header else 0)
    total = in_odd_lines + copied * (head.width - 1) + in_header
    return OddLines(numbers, tuple(rejected)) if total == ready.facts.separators else None


def pick_lines(ready: ReadyText, numbers: Iterable[int]) -> list[tuple[int, str]]:
    """Read lines of a file by their numbers (from 1, ascending), without their ends."""
    picked: list[tuple[int, str]] = []
    previous = 0
    with readable(ready.text), open_bytes(ready.text) as stream:
        for number in numbers:
            raw = next(islice(stream, number - previous - 1, None), b"")
            picked.append((number, raw.rstrip(b"\r\n").decode("utf-8")))
            previous = number
    return picked


def line_sql(odd: OddLines, *, first: int) -> str:
    """Return SQL for the line of a copied record by its position; ``first`` is the line of the first record.

    The skipped lines split the records into runs, which are searched by bisection.
    """
    starts = [number - first - earlier for earlier, number in enumerate(odd.numbers)]

    def lines_before(low: int, high: int) -> str:
        if low == high:
            return str(low)
        middle = (low + high) // 2
        return (
            f"CASE WHEN n < {starts[middle]} THEN {lines_before(low, middle)} ELSE {lines_before(middle + 1, high)} END"
        )

    return f"(n + {first} + {lines_before(0, len(starts))})"
