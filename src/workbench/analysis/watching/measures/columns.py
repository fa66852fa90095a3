"""The columns of a table of customers, read a few at a time, so that wide tables need little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis
    import ibis.expr.datatypes as dt
    import pyarrow as pa

__all__ = ["Columns"]

_AT_ONCE = 8  # columns read together


class Columns:
    """The columns of a table with one row per customer.

    Parameters
    ----------
    table : DataFrame or ibis.Table
        Its rows have one order however often it is read.
    """

    def __init__(self, table: pd.DataFrame | ibis.Table):
        self.table = table
        self.names: tuple[str, ...] = tuple(table.columns)
        self._read: dict[str, pd.Series] = {}
        if isinstance(table, pd.DataFrame):
            kinds = {name: _kind_of(table[name]) for name in self.names}
        else:
            kinds = {name: _engine_kind(kind) for name, kind in table.schema().items()}
        self.kinds = kinds

    def column(self, name: str, *, following: Sequence[str] = ()) -> pd.Series:
        """Return a column: numbers as float64 with NaN, others as objects.

        Parameters
        ----------
        name : str
        following : sequence of str
            Columns that will be asked for next; some are read with it.
        """
        if isinstance(self.table, pd.DataFrame):
            return _plain(self.table[name], self.kinds[name])
        if name not in self._read:
            wanted = dict.fromkeys([name, *(other for other in following if other in self.names)])
            self._read = _fetched(self.table, [*wanted][:_AT_ONCE], self.kinds)
        return self._read[name]


def _fetched(table: ibis.Table, names: Sequence[str], kinds: dict[str, str]) -> dict[str, pd.Series]:
    casts = {name: table[name].cast("float64") for name in names if kinds[name] == "number"}
    rows = table.mutate(**casts).select(*names).to_pyarrow()
    return {name: _from_arrow(rows[name], kinds[name]) for name in names}


def _from_arrow(column: pa.ChunkedArray, kind: str) -> pd.Series:
    if kind == "number":
        return pd.Series(column.to_numpy(), copy=False)
    return column.to_pandas()


def _plain(values: pd.Series, kind: str) -> pd.Series:
    return (
        pd.to_numeric(values).astype("float64").reset_index(drop=True)
        if kind == "number"
        else values.reset_index(drop=True)
    )


def _kind_of(values: pd.Series) -> str:
    if values.dtype.kind in "bifu":
        return "number"
    if values.dtype.kind == "M":
        return "date"
    present = values.dropna()
    first = present.iloc[0] if len(present) else None
    if hasattr(first, "year"):
        return "date"
    return "number" if first is not None and _is_number(first) else "level"


def _engine_kind(kind: dt.DataType) -> str:
    if kind.is_date() or kind.is_timestamp():
        return "date"
    return "number" if kind.is_numeric() or kind.is_boolean() else "level"


def _is_number(value: object) -> bool:
    return hasattr(value, "as_integer_ratio") or isinstance(value, np.number)
