"""Tables with one row per id: merge repeated ids, and fill columns from other tables."""

from __future__ import annotations

from functools import reduce
from typing import Any

import ibis

from workbench.core.schema import ID_SPACE, NEIGHBOURS
from workbench.intake.casting.verdicts import as_view
from workbench.intake.tables.raw_rows import FILE, ORDER

__all__ = ["KEY", "LINE", "ONE_ROW_PER", "collapse", "fill_neighbours", "key_of", "plain_columns"]

LINE = "_line"
KEY = "_key"  # id space and customer id
ONE_ROW_PER = {"customers": "customer_id", "products": "product_id"}


def collapse(engine: ibis.BaseBackend, table: ibis.Table, key: str) -> tuple[ibis.Table, dict[str, int]]:
    """Keep one row per id: the first in file order, its missing cells filled from later rows."""
    others = [name for name in plain_columns(table) if name != key]
    counts = table.aggregate(rows=table.count(), ids=table[key].nunique()).to_pyarrow().to_pylist()[0]
    repeated = int(counts["rows"]) - int(counts["ids"])
    if not repeated:
        return table, {"repeated_ids": 0, "conflicting_cells": 0}
    first = {name: table[name].argmin(table[ORDER], where=table[name].notnull()) for name in others}
    places = {name: table[name].argmin(table[ORDER]) for name in (FILE, LINE)} | {ORDER: table[ORDER].min()}
    collapsed = table.group_by(key).aggregate(**first, **places)
    ids = table.group_by(key).aggregate(**{name: (table[name].nunique() > 1).cast("int64") for name in others})
    conflicts = reduce(lambda left, right: left + right, [ids[name].sum() for name in others], ibis.literal(0))
    count = int(ids.aggregate(n=conflicts).to_pyarrow().to_pylist()[0]["n"] or 0)
    return as_view(engine, collapsed), {"repeated_ids": repeated, "conflicting_cells": count}


def fill_neighbours(
    engine: ibis.BaseBackend, tables: dict[str, ibis.Table], fed: list[str], metrics: dict[str, Any]
) -> dict[str, ibis.Table]:
    """Move columns to the neighbouring table they belong to: the most frequent value per id, ties by value.

    They fill missing cells of a table with sources, and become the rows of a table without sources.
    """
    for name, neighbours in NEIGHBOURS.items():
        for other, columns in neighbours.items():
            key = ONE_ROW_PER[other]
            key = key_of(tables[name], key) if name in tables else key
            present = [column for column in columns if name in tables and column in tables[name].columns]
            if not present or key not in tables[name].columns:
                continue
            values = _most_frequent(tables[name], key, present)
            if other in fed:
                tables[other] = _complete(tables[other], values, key, present)
            else:
                tables[other] = values
                rows = int(values.count().execute())
                metrics |= {f"{other}.rows": rows, f"{other}.duplicates": 0}
            tables[other] = as_view(engine, tables[other])
    for name, neighbours in NEIGHBOURS.items():
        if name in tables:
            moved = [column for columns in neighbours.values() for column in columns if column in tables[name].columns]
            tables[name] = tables[name].drop(*moved)
    return tables


def _most_frequent(table: ibis.Table, key: str, columns: list[str]) -> ibis.Table:
    with_key = table.filter(table[key].notnull())
    named = {name: with_key[name].min() for name in ("customer_id", ID_SPACE) if key == KEY}
    result = with_key.group_by(key).aggregate(**named, **{ORDER: with_key[ORDER].min()})
    for column in columns:
        counted = with_key.filter(with_key[column].notnull()).group_by(key, column).aggregate(n=lambda t: t.count())
        ranks = ibis.row_number().over(group_by=key, order_by=[ibis.desc("n"), ibis.asc(column)])
        best = counted.mutate(rank=ranks).filter(ibis._.rank == 0).select(key, column)
        result = result.left_join(best, key).drop(f"{key}_right")
    return result


def _complete(table: ibis.Table, values: ibis.Table, key: str, columns: list[str]) -> ibis.Table:
    additions = values.select(
        **{f"_key_{key}": values[key]}, **{f"_more_{column}": values[column] for column in columns}
    )
    joined = table.left_join(additions, table[key] == additions[f"_key_{key}"])
    filled = {
        column: ibis.coalesce(joined[column], joined[f"_more_{column}"])
        if column in table.columns
        else joined[f"_more_{column}"]
        for column in columns
    }
    return joined.mutate(**filled).drop(f"_key_{key}", *[f"_more_{column}" for column in columns])


def key_of(table: ibis.Table, key: str) -> str:
    """Return the key column of a table of customers or products."""
    return KEY if key == "customer_id" and KEY in table.columns else key


def plain_columns(table: ibis.Table) -> list[str]:
    """List the columns except the origin columns."""
    return [name for name in table.columns if name not in (FILE, LINE, ORDER)]
