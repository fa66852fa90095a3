"""Find the header of a table below notes or a title."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from workbench.intake.reading.text.records import split_line

__all__ = ["lines_above", "notes_above", "rows_above"]

_EDGES = " \t\r\n\u00a0\u3000\ufeff"
_LOOKED_AT, _NOTES = 40, 20  # number of lines compared; largest number of lines above a header
_VALUE = re.compile(r"[+-]?[\d.,]*\d[\d.,]*%?|\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?.*")


def lines_above(lines: Sequence[str], separators: Sequence[str | None], wanted: Sequence[str]) -> int:
    """Return the number of lines above the first line with all wanted names; 0 if no line has them."""
    names = {name.strip(_EDGES) for name in wanted}
    for at, line in enumerate(lines[:_NOTES]):
        for separator in separators:
            if separator and names <= {field.strip(_EDGES) for field in split_line(line, separator).fields}:
                return at
    return 0


def notes_above(lines: Sequence[str], separators: Sequence[str | None]) -> int:
    """Return the number of lines above a header recognised by its shape; 0 if the first line may be the header."""
    most = 0
    for separator in separators:
        if separator:
            rows = [split_line(line, separator).fields for line in lines[:_LOOKED_AT]]
            most = most or rows_above(rows)
    return most


def rows_above(rows: Sequence[Sequence[str]]) -> int:
    """Return the number of rows above the header: the first full row with only words and with values below it.

    Examples
    --------
    >>> rows_above([["A note", "", ""], ["id", "day", "sum"], ["1", "2024-05-01", "3.50"], ["2", "2024-05-02", "4"]])
    1
    """
    filled = [sum(bool(cell.strip(_EDGES)) for cell in row) for row in rows[:_LOOKED_AT]]
    widths = Counter(count for count in filled if count)
    if not widths:
        return 0
    usual = max(widths, key=lambda count: (widths[count], count))
    if usual < 2:  # noqa: PLR2004  (one column)
        return 0
    for at, row in enumerate(rows[:_NOTES]):
        if filled[at] < usual:
            continue
        if at == 0 or max(filled[:at]) > max(1, usual // 2) or _values(row):
            return 0
        below = rows[at + 1 : at + 6]
        return at if below and any(_values(other) for other in below) else 0
    return 0


def _values(row: Sequence[str]) -> int:
    return sum(bool(_VALUE.fullmatch(cell.strip(_EDGES))) for cell in row if cell.strip(_EDGES))
