"""Apply corrections, which override the sources, to accepted rows before anything else reads them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ibis

from workbench.core.schema import ibis_type

if TYPE_CHECKING:
    from workbench.intake.tables.sources import ParsedSource

__all__ = ["apply_corrections", "value_of"]


def value_of(text: str, kind: str) -> Any:
    """Return a corrected value in the type of its column; None if it cannot be converted.

    Examples
    --------
    >>> value_of("1990-02-01", "date"), value_of("abc", "number")
    (datetime.date(1990, 2, 1), None)
    """
    try:
        if kind == "date":
            return dt.date.fromisoformat(text)
        if kind == "timestamp":
            return dt.datetime.fromisoformat(text)
        if kind in ("number", "integer", "money", "quantity"):
            return float(text) if kind != "integer" else int(text)
    except ValueError:
        return None
    if kind == "flag":
        return {"true": True, "false": False, "yes": True, "no": False, "是": True, "否": False}.get(text.lower())
    return text


def apply_corrections(
    sources: Mapping[str, ParsedSource], corrections: Sequence[Mapping[str, str]]
) -> tuple[dict[str, ParsedSource], dict[str, int]]:
    """Apply corrected values to the rows of customers.

    Parameters
    ----------
    sources : mapping of str to ParsedSource
    corrections : sequence of mapping
        source, source_id, column, value (as text; empty: blank).

    Returns
    -------
    (dict, dict)
        The sources, and ``<source>.corrected``: the number of corrected cells.
    """
    corrected, counts = dict(sources), {}
    for name in dict.fromkeys(entry["source"] for entry in corrections):
        if name not in sources:
            continue
        own = [entry for entry in corrections if entry["source"] == name]
        parsed = sources[name]
        counts[f"{name}.corrected"] = len(own)
        people = None if parsed.people is None else _replaced(parsed.people, own, parsed.kinds)
        kept = None if parsed.kept is None else _replaced(parsed.kept, own, parsed.kinds)
        table = _replaced(parsed.table, own, parsed.kinds)
        corrected[name] = replace(parsed, table=table, people=people, kept=kept, copy=None)
    return corrected, counts


def _replaced(table: ibis.Table, entries: Sequence[Mapping[str, str]], kinds: Mapping[str, str]) -> ibis.Table:
    cells = {}
    for column in dict.fromkeys(entry["column"] for entry in entries):
        if column not in table.columns:
            continue
        kind = ibis_type(kinds[column]) if column in kinds else "string"
        own = [entry for entry in entries if entry["column"] == column]
        branches = [
            (table.customer_id == entry["source_id"], _literal(entry["value"], kinds.get(column, "text"), kind))
            for entry in own
        ]
        cells[column] = ibis.cases(*branches, else_=table[column])
    return table.mutate(**cells)


def _literal(text: str, kind: str, engine_type: str) -> ibis.Value:
    value = value_of(text, kind) if text else None
    return ibis.null(engine_type) if value is None else ibis.literal(value).cast(engine_type)
