"""Mask contact data in free text in every table; the original stays in data/raw.

It is detected by pattern (mails, phones, document and card numbers) in every text and category column, and by the full
name of the customer in the customer's own rows if names are available.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import ibis

from workbench.core.schema import CONTACT_COLUMNS

if TYPE_CHECKING:
    from workbench.intake.tables.sources import ParsedSource

__all__ = ["PATTERNS", "mask_free_text"]

# kind of contact data -> RE2 pattern of the whole match; boundaries are added, since RE2 has no look-around
PATTERNS = {
    "email": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
    "document": r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[0-9Xx]",
    "card": r"\d{16,19}|\d{4}(?:[ -]\d{4}){3}(?:[ -]\d{1,3})?",
    "phone": r"(?:(?:\+|00)86[ -]?|86)?1[3-9]\d(?:[ -]?\d{4}){2}|0\d{2,3}-\d{7,8}|\+\d[\d ()-]{7,16}\d"
    r"|\(\d{3}\) ?\d{3}[.-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}",
}
_DIGITS_APART = r"(^|[^0-9])(?:{})([^0-9]|$)"
_KINDS = ("text", "category")
_WHOLE = ("missing-cell", "extra-cell", "unclosed-quote", "stray-quote", "invalid-encoding")  # raw is the whole record
_RECORD = "[record]"  # replaces a whole record of people, in which the position of names is unknown
_IN_CELLS = ("email", "phone")  # longer numbers may be the damaged id or amount that was rejected
_CATALOGUE = ("products",)  # tables without text written by customers
_NAME, _SHORTEST_NAME = "name", 2
_TWICE = 2  # two passes, since adjacent matches share the character between them


def mask_free_text(sources: Mapping[str, ParsedSource]) -> tuple[dict[str, ParsedSource], dict[str, int]]:
    """Replace contact data in texts and categories by its kind: ``[phone]``.

    Parameters
    ----------
    sources : mapping of str to ParsedSource
        In the profile's order.

    Returns
    -------
    (dict, dict)
        The sources, and ``<source>.masked.<column>``: the number of changed cells. Ids and the product catalogue stay
        unchanged. Names are replaced only in the rows of the same customer, since the word may mean something else
        elsewhere, and only if the names of people are read. In rejects whole records of people are hidden; other
        records and cells are masked by pattern; file and line say where they are.
    """
    names = _full_names(sources)
    masked: dict[str, ParsedSource] = {}
    counts: dict[str, int] = {}
    for name, parsed in sources.items():
        hidden = replace(parsed, rejects=_hide_rejects(parsed))
        masked[name], own = _masked(hidden, names)
        counts |= {f"{name}.masked.{column}": count for column, count in own.items()}
    return masked, counts


def _masked(parsed: ParsedSource, names: ibis.Table | None) -> tuple[ParsedSource, dict[str, int]]:
    columns = [name for name, kind in parsed.kinds.items() if kind in _KINDS and not name.startswith("_")]
    columns = [name for name in columns if name in parsed.table.columns and parsed.table[name].type().is_string()]
    if parsed.source.table in _CATALOGUE or not columns:
        return parsed, {}
    texts = [name for name in columns if parsed.kinds[name] == "text"]
    named = names if "customer_id" in parsed.table.columns else None
    changes = _changes(parsed.table, columns, texts, named)
    counted = changes.aggregate(**{name: changes[name].sum() for name in columns}).to_pyarrow().to_pylist()[0]
    counts = {name: int(count) for name, count in counted.items() if count}
    if not counts:
        return parsed, {}
    kept = None if parsed.kept is None else _replaced(parsed.kept, list(counts), texts, named)
    return replace(parsed, table=_replaced(parsed.table, list(counts), texts, named), kept=kept, copy=None), counts


def _changes(table: ibis.Table, columns: list[str], texts: list[str], names: ibis.Table | None) -> ibis.Table:
    """Say of every cell whether something in it is to be replaced."""
    own = _with_names(table, names) if names is not None and texts else table
    any_kind = "|".join(f"(?:{_bounded(kind)})" for kind in PATTERNS)
    flags = {}
    for name in columns:
        matches = own[name].re_search(any_kind)
        if name in texts and own is not table:
            matches = matches | _holds_name(own[name], own[_FULL])
        flags[name] = matches.fill_null(False).cast("int64")
    return own.select(**flags)


def _replaced(table: ibis.Table, columns: list[str], texts: list[str], names: ibis.Table | None) -> ibis.Table:
    wanted = [name for name in columns if name in texts]
    own = _with_names(table, names) if names is not None and wanted else table
    cells = {}
    for column in columns:
        cell = own[column]
        cell = _without_contacts(cell, PATTERNS)
        if column in wanted and own is not table:
            cell = ibis.ifelse(_holds_name(own[column], own[_FULL]), cell.replace(own[_FULL], f"[{_NAME}]"), cell)
        cells[column] = cell
    return own.mutate(**cells).select(table.columns)


def _without_contacts(cell: ibis.expr.types.StringValue, kinds: Iterable[str]) -> ibis.expr.types.StringValue:
    for kind in kinds:
        apart = kind != "email"
        text = rf"\1[{kind}]\2" if apart else f"[{kind}]"
        for _ in range(_TWICE if apart else 1):
            cell = cell.re_replace(_bounded(kind), text)
    return cell


def _hide_rejects(parsed: ParsedSource) -> ibis.Table | None:
    """Mask contact data in the rejects."""
    rejects = parsed.rejects
    if rejects is None:
        return None
    of_people = bool(set(CONTACT_COLUMNS) & set(parsed.source.columns))
    whole = rejects.code.isin(_WHOLE)
    record = ibis.literal(_RECORD) if of_people else _without_contacts(rejects.raw, PATTERNS)
    return rejects.mutate(raw=ibis.ifelse(whole, record, _without_contacts(rejects.raw, _IN_CELLS)))


def _bounded(kind: str) -> str:
    return PATTERNS[kind] if kind == "email" else _DIGITS_APART.format(PATTERNS[kind])


_FULL, _OWNER = "_full_name", "_owner"


def _full_names(sources: Mapping[str, ParsedSource]) -> ibis.Table | None:
    """Return one full name per customer id, from the sources of people with names."""
    parts = [
        parsed.people.select(**{_OWNER: parsed.people.customer_id, _FULL: parsed.people[_NAME].cast("string").strip()})
        for parsed in sources.values()
        if parsed.people is not None and _NAME in parsed.people.columns
    ]
    if not parts:
        return None
    stacked = ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    named = stacked.filter(stacked[_FULL].length() >= _SHORTEST_NAME, stacked[_OWNER].notnull())
    return named.group_by(_OWNER).aggregate(**{_FULL: named[_FULL].max()})


def _with_names(table: ibis.Table, names: ibis.Table) -> ibis.Table:
    return table.left_join(names, table.customer_id == names[_OWNER]).drop(_OWNER)


def _holds_name(cell: ibis.expr.types.StringValue, name: ibis.expr.types.StringValue) -> ibis.expr.types.BooleanValue:
    return (name.notnull() & cell.contains(name)).fill_null(False)
