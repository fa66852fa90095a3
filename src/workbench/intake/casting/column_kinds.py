"""The kind and cast of each column of a source, and derived columns; used by 01_check_quality."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.core.schema import columns_of

if TYPE_CHECKING:
    from workbench.core.params.sources import FormatParams, SourceParams

__all__ = [
    "EXCEL_DATE",
    "UNIX_DATES",
    "ColumnPlan",
    "derived_kinds",
    "derived_names",
    "essential_columns",
    "kinds_of",
    "patterns_of",
    "plans_of",
]

UNIX_DATES = {"unix": 1, "unix_ms": 1000}  # declared formats: ticks per second since 1970 in UTC
EXCEL_DATE = "excel"  # a declared format: days since 1899-12-30
_ESSENTIAL = {
    "transactions": ("ordered_at", "amount"),
    "customers": ("customer_id", "source_id"),
    "products": ("product_id",),
    "events": ("occurred_at",),
}


@dataclass(frozen=True)
class ColumnPlan:
    """How one column is cast.

    Attributes
    ----------
    name : str
    kind : str
        A key of ``core.schema.KINDS``.
    formats : FormatParams
    date_min, date_max : date
        Dates before the first are placeholders, dates after the second are in the future.
    drop_point_zero : bool
        True if every id of the column ends in ``.0``, which is removed.
    long_ids_damaged : bool
        True if more ids of at least 18 digits end in ``000`` than chance allows.
    trimmed, printable : bool
        True if no cell has surrounding blanks; true if every cell is printable ASCII.
    signs : str
        Which of ``+ _ e E`` may occur in a cell.
    """

    name: str
    kind: str
    formats: FormatParams
    date_min: dt.date
    date_max: dt.date
    drop_point_zero: bool = False
    long_ids_damaged: bool = False
    trimmed: bool = False
    printable: bool = False
    signs: str = "+_eE"
    patterns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", patterns_of(self.formats, self.name))


def plans_of(
    source: SourceParams, dates: tuple[dt.date, dt.date], *, trimmed: bool = False, printable: bool = False,
    signs: str = ColumnPlan.signs,
) -> dict[str, ColumnPlan]:  # fmt: skip
    """Plan the cast of every mapped column, from facts about all cells of the file (see `ColumnPlan`)."""
    return {
        name: ColumnPlan(name, kind, source.formats, *dates, trimmed=trimmed, printable=printable, signs=signs)
        for name, kind in kinds_of(source).items()
    }


def patterns_of(formats: FormatParams, column: str) -> tuple[str, ...]:
    """Return the declared date patterns of a column; empty for ISO dates."""
    dates = formats.dates
    declared = dates.get(column) if isinstance(dates, Mapping) else dates
    if declared is None:
        return ()
    return (declared,) if isinstance(declared, str) else tuple(declared)


def essential_columns(table: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the mapped columns that a row of this table must have.

    Without a mapped amount, the quantity and unit price of an order line replace it.
    """
    essential = [name for name in _ESSENTIAL.get(table, ()) if name in columns]
    if table == "transactions" and "amount" not in columns:
        essential += [name for name in ("quantity", "unit_price") if name in columns]
    return tuple(essential)


def kinds_of(source: SourceParams) -> dict[str, str]:
    """Return the kind of every mapped column that is cast; contact columns are not."""
    schema_kinds = columns_of(source.table, contact=False, neighbours=True)
    kinds = {name: schema_kinds[name] for name in source.columns if name in schema_kinds}
    return kinds | {name: "category" for name in source.attributes}


def derived_kinds(source: SourceParams, kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the kinds of the derived columns that a source does not map itself."""
    return {name: "money" if name == "amount" else "id" for name in derived_names(source) if name not in kinds}


def derived_names(source: SourceParams) -> tuple[str, ...]:
    """Return the columns that are filled from others or may not be missing."""
    mapped = set(source.columns)
    if source.table == "transactions" and mapped & {"amount", "unit_price"}:
        return ("amount",)
    if source.table == "customers" and mapped & {"customer_id", "source_id"}:
        return ("customer_id",)
    return ("product_id",) if source.table == "products" and "product_id" in mapped else ()
