"""Repair ids and other texts: surrounding blanks, Unicode variants, digits lost in a workbook.

Used by 01_check_quality. Some repairs depend on the cell only, others on the whole column.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

if TYPE_CHECKING:
    from workbench.intake.casting.column_kinds import ColumnPlan

__all__ = [
    "BLANK",
    "BLANKS",
    "LONG_ID_DIGITS",
    "NOT_PRINTABLE",
    "ORIGIN",
    "both",
    "count_bytes",
    "has_damaged_long_ids",
    "has_edges",
    "id_doubts",
    "id_statistics",
    "normal_form",
    "normalise_key",
    "strip_cell",
    "strip_cells",
]

# characters stripped from both ends of a cell: blanks of every width, line ends, zero-width marks
BLANKS = " \t\r\n\v\f\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200C))) + "\u202f\u205f\u2060\u3000\ufeff"
_EDGE = f"^[{BLANKS}]|[{BLANKS}]$"
ORIGIN = ("_file", "_line", "_order")  # columns with the origin of a record
BLANK = "_blank_"  # prefix of columns that record whether blanks were stripped
LONG_ID_DIGITS = 18  # workbooks keep 15 digits, so a damaged longer id ends in at least three zeros
LONG_ID_CHANCE = 0.003  # three times the share of undamaged long ids that end in three zeros
NOT_PRINTABLE = r"[^\x20-\x7E]"


@ibis.udf.scalar.builtin(name="trim")
def _trim(text: str, characters: str) -> str:
    """Strip characters from both ends (built into the engine)."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="strlen")
def count_bytes(text: str) -> int:
    """Count the bytes of a text (built into the engine)."""
    raise NotImplementedError


@ibis.udf.scalar.pyarrow(signature=(("string",), "string"))
def normal_form(texts: pa.ChunkedArray) -> pa.Array:
    """Apply `normalise_key` to a column of the engine; empty text instead of null, which the engine does not accept."""
    return pa.array([None if text is None else normalise_key(text) or "" for text in texts.to_pylist()], pa.string())


def normalise_key(text: str) -> str | None:
    """Return an id in Unicode form NFKC, without control and zero-width characters and surrounding blanks.

    Source: Unicode Standard Annex 15.

    Examples
    --------
    >>> normalise_key("１２\u200b３ ")
    '123'
    """
    folded = unicodedata.normalize("NFKC", text)
    visible = "".join(sign for sign in folded if unicodedata.category(sign) not in ("Cc", "Cf"))
    return visible.strip(BLANKS) or None


def strip_cell(cell: ibis.Value) -> ibis.Value:
    """Remove surrounding blanks of a text cell; a blank cell becomes null."""
    stripped = ibis.cases((cell.re_search(_EDGE), _trim(cell, ibis.literal(BLANKS))), else_=cell)
    return stripped.nullif("")


def strip_cells(raw: ibis.Table) -> ibis.Table:
    """Strip every text cell and record in another column whether blanks were removed."""
    texts = [name for name in raw.columns if name not in ORIGIN and raw[name].type().is_string()]
    cells = {name: strip_cell(raw[name]) for name in texts}
    changed = {f"{BLANK}{name}": raw[name] != cells[name].fill_null("") for name in texts}
    return raw.mutate(**cells, **changed)


def has_edges(cell: ibis.Value) -> ibis.Value:
    """Return whether a text cell has blanks around it."""
    return _trim(cell, ibis.literal(BLANKS)) != cell


def id_statistics(cell: ibis.Value) -> dict[str, ibis.Value]:
    """Return aggregates over an id column of stripped text that decide its repairs.

    Returns
    -------
    dict
        ``filled``, ``point_zero`` (digits ending in ``.0``), ``long`` (18 digits and more), ``long_zeros`` (of these,
        ending in ``000``), ``folded`` (changed by `normalise_key`).
    """
    if cell.type().is_integer():
        is_long = cell >= 10 ** (LONG_ID_DIGITS - 1)
        counts = {"long": _count(is_long), "long_zeros": _count(both(is_long, cell % 1000 == 0))}
        return {"filled": cell.count(), **counts, "point_zero": ibis.literal(0), "folded": ibis.literal(0)}
    cell = cell.cast("string")
    folded, is_long = cell.re_search(NOT_PRINTABLE), cell.length() >= LONG_ID_DIGITS
    return {
        "filled": cell.count(),
        "point_zero": _count(both(cell.endswith(".0"), cell.re_search(r"^\d+\.0$"))),
        "long": _count(both(is_long, cell.re_search(rf"^\d{{{LONG_ID_DIGITS},}}$"))),
        "long_zeros": _count(both(is_long, cell.re_search(rf"^\d{{{LONG_ID_DIGITS - 3},}}000$"))),
        "folded": _count(ibis.cases((folded, normal_form(cell) != cell), else_=False)),
    }


def both(cheap: ibis.Value, expensive: ibis.Value) -> ibis.Value:
    """Evaluate the expensive condition only where the cheap one passes."""
    return ibis.cases((cheap, expensive), else_=False)


def _count(condition: ibis.Value) -> ibis.Value:
    return condition.cast("int64").sum().fill_null(0)


def has_damaged_long_ids(long: int, long_zeros: int) -> bool:
    """Return whether more long ids end in three zeros than chance allows, since a workbook has rounded them."""
    return long_zeros > LONG_ID_CHANCE * long


def id_doubts(cell: ibis.Value, plan: ColumnPlan) -> list[ibis.Value]:
    """Return the conditions under which an id may need repair or rejection, given the statistics of its column."""
    if cell.type().is_integer():
        return [(cell >= 10 ** (LONG_ID_DIGITS - 1)) & (cell % 1000 == 0)]
    cell = cell.cast("string")
    damaged = cell.endswith(".0") | ((count_bytes(cell) >= LONG_ID_DIGITS) & cell.endswith("000"))
    doubts = [cell.endswith("0") & damaged]  # the last character rules most cells out
    doubts += [cell.contains("+")] if "+" in plan.signs else []
    return doubts if plan.printable else [*doubts, cell.re_search(NOT_PRINTABLE)]
