"""Check what a source declares, apart from its files: formats, attributes, rules, checks and measures."""

from __future__ import annotations

import re
import zoneinfo
from collections import Counter
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, did_you_mean, listed
from workbench.core.schema import CANONICAL, NEIGHBOURS, columns_of
from workbench.intake.casting.column_kinds import EXCEL_DATE, UNIX_DATES, kinds_of
from workbench.intake.expressions import ATTRIBUTE, check_expression
from workbench.intake.tables.declared_repairs import check_declarations

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

_PATTERN_LETTERS = "aAwdbBmyYHIpMSfzZjUWcxXgGuVnN-%"  # letters of the engine's strptime
_DAY_LETTERS = "dmyYjcxGuV"  # a date pattern needs at least one of these

__all__ = ["check_declared", "expression_columns", "unstored_columns"]


def check_declared(source: SourceParams) -> list[Fault]:
    """List the faults of a source's formats, attributes, rules and measures, apart from its files."""
    repairs = check_declarations(source, expression_columns(source))
    expected = "columns: {our_column: source_column}"
    mapping = [] if _maps_something(source) else [Fault("columns", "no column is mapped", expected)]
    return [*mapping, *_check_formats(source), *_check_attributes(source), *_check_expressions(source), *repairs]


def expression_columns(source: SourceParams) -> dict[str, str]:
    """Map the columns that rules and measures of this source may use to their kinds."""
    schema_kinds = columns_of(source.table, contact=False, neighbours=True)
    answer_columns = ("survey", "question", "answer") if source.layout == "wide" else ()
    names = (*source.columns, *source.constants, *answer_columns, *([source.numbered] if source.numbered else []))
    kinds = {name: schema_kinds[name] for name in names if name in schema_kinds} | dict.fromkeys(
        source.attributes, ATTRIBUTE
    )
    if source.table == "transactions" and "unit_price" in kinds:
        kinds.setdefault("amount", "money")
    if source.table == "customers" and "source_id" in kinds:
        kinds.setdefault("customer_id", "id")
    return kinds


def unstored_columns(source: SourceParams) -> dict[str, str]:
    """Map columns of a neighbouring table to the key of that table, if the source does not map the key.

    Such a column is read but not stored, for example a product name without a product_id in order lines.
    """
    neighbours = NEIGHBOURS.get(source.table, {})
    keys = {column: CANONICAL[other].keys[0] for other, columns in neighbours.items() for column in columns}
    return {name: keys[name] for name in source.columns if name in keys and keys[name] not in source.columns}


def _maps_something(source: SourceParams) -> bool:
    return bool(source.columns or source.attributes or source.numbered or source.layout == "wide")


def _check_formats(source: SourceParams) -> list[Fault]:
    declared = source.formats.dates
    entries = list(declared.values()) if isinstance(declared, dict) else [declared]
    patterns = [pattern for entry in entries for pattern in ([entry] if isinstance(entry, str) else entry or [])]
    wrong = [pattern for pattern in patterns if not _is_pattern(pattern)]
    expected = "strptime letters such as %Y-%m-%d, or unix, unix_ms, excel"
    faults = [Fault("formats.dates", f"{pattern!r} is no date pattern", expected) for pattern in wrong]
    faults += _check_names(source)
    flags = [name for name, kind in kinds_of(source).items() if kind == "flag"]
    return faults + [
        Fault(
            "formats.means_yes", f"'{name}' is no yes-or-no column of this source", ", ".join(flags) or "none has one"
        )
        for name in source.formats.means_yes
        if name not in flags
    ]


def _check_names(source: SourceParams) -> list[Fault]:
    """Check the names of time zones and currencies."""
    faults = []
    for key in ("time_zone", "stored_in"):
        zone = getattr(source.formats, key)
        if zone is not None and not _is_zone(zone):
            remedy = did_you_mean(zone, sorted(zoneinfo.available_timezones()))
            faults.append(
                Fault(f"formats.{key}", f"no time zone {zone!r}", "An IANA name such as Asia/Shanghai", remedy)
            )
    currency = source.formats.currency
    if currency is not None and not re.fullmatch("[A-Z]{3}", currency):
        faults.append(Fault("formats.currency", f"{currency!r} is no currency", "An ISO 4217 code such as CNY or USD"))
    return faults


def _is_zone(name: str) -> bool:
    try:
        return bool(zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _is_pattern(pattern: str) -> bool:
    if pattern in (EXCEL_DATE, *UNIX_DATES):
        return True
    letters = re.findall("%(.?)", pattern)
    return bool(letters) and set(letters) <= set(_PATTERN_LETTERS) and bool(set(letters) & set(_DAY_LETTERS))


def _check_attributes(source: SourceParams) -> list[Fault]:
    reserved = columns_of(source.table, contact=True, neighbours=True)
    table = source.table
    faults = [
        Fault("attributes", f"'{name}' is {'a column of ' + table if name in reserved else 'a reserved name'}", "",
              "Map it under columns" if name in reserved else "Give it another name")
        for name in source.attributes
        if name in reserved or name.startswith("_")
    ]  # fmt: skip
    counts = Counter(name.lower() for name in {*source.attributes, *source.columns})
    ambiguous = [name for name in source.attributes if counts[name.lower()] > 1 and name not in reserved]
    if ambiguous:
        problem = f"{listed([repr(name) for name in ambiguous])}: names that differ in capitals alone"
        faults.append(Fault("attributes", problem, "", "Give one of them another name"))
    return faults


def _check_expressions(source: SourceParams) -> list[Fault]:
    columns = expression_columns(source)
    faults = [
        fault for name, rule in source.rules.items() for fault in check_expression(rule, columns, where=f"rules.{name}")
    ]
    for name, check in source.checks.items():
        faults += check_expression(check.rule, columns, where=f"checks.{name}")
    for name, expressions in source.measures.items():
        for expression in expressions:
            faults += check_expression(expression, columns, where=f"measures.{name}")
    return faults
