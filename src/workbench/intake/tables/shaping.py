"""Declared columns that are not read directly: joined columns, constants, values given once per order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from workbench.intake.casting.ids import strip_cell
from workbench.intake.reading.joined import part_name

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["shape_rows", "with_constants"]

_ORDER = "_order"


def with_constants(source: SourceParams) -> SourceParams:
    """Return the source with its constants added to the mapped columns."""
    if not source.constants:
        return source
    return source.model_copy(update={"columns": {**source.columns, **dict.fromkeys(source.constants, "_constant")}})


def shape_rows(table: ibis.Table, source: SourceParams) -> ibis.Table:
    """Join columns, add constants and fill values that are only on one line of an order.

    Parameters
    ----------
    table : ibis.Table
        One row per record as text, with ``_order``; parts of a joined column under the names of `part_name`.
    source : SourceParams
    """
    for our_column, source_column in source.columns.items():
        if isinstance(source_column, list):
            parts = [part_name(our_column, at) for at in range(len(source_column))]
            cells = [strip_cell(table[part].cast("string")) for part in parts]
            joined = cells[0]
            for cell in cells[1:]:
                joined = ibis.cases(
                    (joined.isnull(), cell), (cell.isnull(), joined), else_=joined + ibis.literal(" ") + cell
                )
            table = table.mutate(**{our_column: joined}).drop(*parts)
    constants = {name: ibis.literal(str(value)) for name, value in source.constants.items()}
    table = table.mutate(**constants) if constants else table
    return _filled(table, source) if source.fill else table


def _filled(table: ibis.Table, source: SourceParams) -> ibis.Table:
    """Fill every line of an order with the first value found in its lines."""
    if source.fill is None:
        return table
    keyed = table.mutate(_by=strip_cell(table[source.fill.by].cast("string")))
    cells = {name: strip_cell(keyed[name].cast("string")) for name in source.fill.columns}
    given = keyed.mutate(**cells)
    values = {
        name: ibis.cases((given[name].notnull() | given["_by"].isnull(), given[name]),
                         else_=given[name].argmin(ibis.cases((given[name].notnull(), given[_ORDER]), else_=None)).over(
                             ibis.window(group_by="_by")))
        for name in source.fill.columns
    }  # fmt: skip
    return given.mutate(**values).drop("_by")
