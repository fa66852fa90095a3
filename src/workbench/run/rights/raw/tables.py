"""Remove rows from Parquet files; schema, compression and all other values stay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from workbench.core.store.rewriting import rewrite_table

if TYPE_CHECKING:
    from workbench.run.rights.traces.traces import Traces

__all__ = ["TableRules", "clean_parquet"]


@dataclass(frozen=True)
class TableRules:
    """Column name to erased ids: ``own`` matches remove the row, ``others`` matches blank the cell."""

    own: Mapping[str, Collection[str]]
    others: Mapping[str, Collection[str]]


def clean_parquet(
    path: Path, rules: Sequence[TableRules], traces: Traces, *, mode: int, before: Callable[[Path], None]
) -> tuple[int, int]:
    """Rewrite a Parquet file without the rows of erased people; a file without them is not touched.

    Parameters
    ----------
    path : Path
    rules : sequence of TableRules
    traces : Traces
        Its words are masked in the remaining text cells.
    mode : int
        Permission bits of the file.
    before : callable
        Called with the path before a changed file is written.

    Returns
    -------
    (int, int)
        Rows removed, and cells blanked or masked.
    """
    removed = blanked = 0

    def clean(table: pa.Table) -> tuple[pa.Table, int]:
        nonlocal removed, blanked
        kept, rows, cells = _clean(table, rules, traces)
        removed, blanked = removed + rows, blanked + cells
        return kept, rows + cells

    rewrite_table(path, clean, mode=mode, before=before)
    return removed, blanked


def _clean(table: pa.Table, rules: Sequence[TableRules], traces: Traces) -> tuple[pa.Table, int, int]:
    erased = pa.nulls(table.num_rows, pa.bool_()).fill_null(False)
    for rule in rules:
        for name, ids in rule.own.items():
            if name in table.column_names and ids and not pa.types.is_nested(table[name].type):
                erased = pc.or_(erased, _is_in(table[name], ids))
    removed = int(pc.sum(erased).as_py() or 0)
    rest = table.filter(pc.invert(erased)) if removed else table
    blanked = 0
    for rule in rules:
        for name, ids in rule.others.items():
            if name in rest.column_names and ids:
                named = _is_in(rest[name], ids)
                count = int(pc.sum(named).as_py() or 0)
                if count:
                    rest = _with(rest, name, pc.if_else(named, pa.scalar(None, rest[name].type), rest[name]))
                    blanked += count
    for name in rest.column_names:
        column, count = _masked(rest[name], traces)
        if count:
            rest, blanked = _with(rest, name, column), blanked + count
    return rest, removed, blanked


def _is_in(column: pa.ChunkedArray, ids: Collection[str]) -> pa.ChunkedArray:
    texts = column.cast(pa.string()) if not pa.types.is_string(column.type) else column
    texts = pc.utf8_trim_whitespace(texts)
    plain = pc.replace_substring_regex(texts, r"\.0+$", "") if pa.types.is_floating(column.type) else texts
    return pc.is_in(plain, value_set=pa.array(sorted(ids), pa.string())).combine_chunks()


def _with(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    at = table.column_names.index(name)
    return table.set_column(at, table.schema.field(at), column)


def _masked(column: pa.ChunkedArray, traces: Traces) -> tuple[pa.ChunkedArray, int]:
    """Mask the words in a text column; each distinct value is checked once."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) or traces.text is None:
        return column, 0
    different = pc.unique(column.cast(pa.large_string())).to_pylist()
    masked = {value: traces.masked(value) for value in traces.mentioning(different)}
    if not masked:
        return column, 0
    texts = column.cast(pa.large_string()).to_pylist()
    count = sum(text in masked for text in texts)
    return pa.chunked_array([pa.array([masked.get(text, text) for text in texts])]).cast(column.type), count
