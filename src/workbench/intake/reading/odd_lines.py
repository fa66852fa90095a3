"""Lines of a text file that hold too few or too many fields: left out by the engine, looked up and counted one by one.

The bytes of the file say how many separators it holds. Where the records that were read and the lines that were left
out account for all of them, and every line left out indeed has another number of separators than a record, no line is
lost and none is misread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

import ibis

from workbench.intake.reading.records import BadLine, RejectedRecord, read_records
from workbench.intake.reading.text_files import Head, open_bytes, readable

if TYPE_CHECKING:
    from workbench.intake.reading.raw_files import ReadyText

__all__ = ["OddLines", "leave_out", "leaves_out", "line_sql", "pick_lines"]

_MOST = 1000  # more odd lines than these are read by the exact reader
_names = count()


@dataclass(frozen=True)
class OddLines:
    """The lines left out: their numbers from 1, ascending, and the records they spoil."""

    numbers: tuple[int, ...] = ()
    rejected: tuple[RejectedRecord, ...] = ()


def leaves_out(ready: ReadyText, head: Head) -> bool:
    """Tell whether a file has lines to leave out: the number of its separators is not that of its records."""
    return ready.facts.separators != ready.facts.lines * (head.width - 1)


def leave_out(
    engine: ibis.BaseBackend, copy: Callable[[str], int], ready: ReadyText, *, head: Head
) -> tuple[int, OddLines | None]:
    """Copy the records of a file; return how many, and the lines left out (None where they do not account for it).

    Parameters
    ----------
    engine : ibis.BaseBackend
    copy : callable
        Given the name under which the engine notes the lines it leaves out (empty: none may be), copies the others.
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
        asked = f"SELECT DISTINCT line FROM {name} ORDER BY line LIMIT {_MOST + 1}"
        numbers = tuple(int(row[0]) for row in engine.raw_sql(asked).fetchall())
    finally:
        for table in (name, f"{name}_scan"):
            engine.raw_sql(f"DROP TABLE IF EXISTS {table}")
    if len(numbers) > _MOST or copied + len(numbers) != lines:
        return copied, None
    return copied, _account(ready, head, copied, numbers)


def _account(ready: ReadyText, head: Head, copied: int, numbers: tuple[int, ...]) -> OddLines | None:
    """Judge the lines left out; None unless they and the records hold every separator of the file."""
    given = {"width": head.width, "separator": head.separator}
    found = [(line, [*read_records([line], **given)]) for line in pick_lines(ready, numbers)]
    rejected = [record for _, records in found for record in records if isinstance(record, RejectedRecord)]
    if len(rejected) != len(numbers):
        return None
    held = sum(text.count(head.separator) for (_, text), _ in found)
    in_header = sum(name.count(head.separator) for name in head.header) + (head.width - 1 if head.header else 0)
    whole = held + copied * (head.width - 1) + in_header
    return OddLines(numbers, tuple(rejected)) if whole == ready.facts.separators else None


def pick_lines(ready: ReadyText, numbers: Iterable[int]) -> list[tuple[int, str | BadLine]]:
    """Read some lines of a file by their numbers (from 1, ascending), without their ends."""
    picked, at = [], 0
    with readable(ready.text), open_bytes(ready.text) as stream:
        for number in numbers:
            raw = next(islice(stream, number - at - 1, None), b"")
            picked.append((number, raw.rstrip(b"\r\n").decode("utf-8")))
            at = number
    return picked


def line_sql(odd: OddLines, *, first: int) -> str:
    """Write the line of a copied record as SQL over its place in the copy; ``first`` is the line of the first record.

    The lines left out part the records into runs, found by halving.
    """
    starts = [number - first - before for before, number in enumerate(odd.numbers)]

    def lines_before(low: int, high: int) -> str:
        if low == high:
            return str(low)
        middle = (low + high) // 2
        return (
            f"CASE WHEN n < {starts[middle]} THEN {lines_before(low, middle)} ELSE {lines_before(middle + 1, high)} END"
        )

    return f"(n + {first} + {lines_before(0, len(starts))})"
