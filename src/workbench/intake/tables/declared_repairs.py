"""Declared repairs: standard spellings, values for blanks, one row per key.

Changed cells are listed with file, line, raw value and reason; dropped rows are counted; conflicts between rows of one
key are listed by column. Used by 01_check_quality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault, did_you_mean, listed
from workbench.core.later import later
from workbench.core.schema import ibis_type

if TYPE_CHECKING:
    import ibis

    from workbench.core.params.sources import SourceParams
else:
    ibis = later("ibis")

__all__ = ["IMPUTED", "STANDARDISED", "Repaired", "check_declarations", "deduplicate", "repair_cells"]

STANDARDISED, IMPUTED = "standardised", "imputed"
_PLACES = ("_file", "_line", "_order")
# kinds with a median; non-numeric categories are detected when their values are read
_MAY_HAVE_MEDIAN = ("number", "money", "quantity", "integer", "attribute", "category")


@dataclass(frozen=True)
class Repaired:
    """Rows after declared repairs.

    Attributes
    ----------
    table : ibis.Table
    changes : ibis.Table or None
        file, line, column, raw, now, why (standardised, imputed): one row per changed cell; None if there is none.
    metrics : dict of str to int
        ``standardised.<column>``, ``imputed.<column>``: cells changed.
    """

    table: ibis.Table
    changes: ibis.Table | None
    metrics: dict[str, int]


def check_declarations(source: SourceParams, columns: Mapping[str, str]) -> list[Fault]:
    """List unknown columns in declared repairs, and imputations that do not fit the kind of a column."""
    declared: dict[str, Mapping[str, Any]] = {"standardise": source.standardise, "impute": source.impute}
    faults = [
        Fault(f"{key}.{column}", f"'{column}' is no column of this source", "", did_you_mean(column, columns))
        for key, entries in declared.items()
        for column in entries
        if column not in columns
    ]
    keys = [*(source.keep.by if source.keep else ()), *([source.keep.latest_by] if source.keep else [])]
    faults += [
        Fault("keep", f"'{column}' is no column of this source", "", did_you_mean(column, columns))
        for column in keys
        if column and column not in columns
    ]
    for column, value in source.impute.items():
        if value == "median" and columns.get(column) not in _MAY_HAVE_MEDIAN:
            faults.append(
                Fault(f"impute.{column}", f"a column of kind {columns.get(column)} has no median", "mode, or a value")
            )
    return faults


def repair_cells(
    engine: ibis.BaseBackend, table: ibis.Table, source: SourceParams, kinds: Mapping[str, str]
) -> Repaired:
    """Standardise spellings, then fill blanks, as declared.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    table : ibis.Table
        Accepted rows with ``_file``, ``_line``, ``_order``.
    source : SourceParams
    kinds : mapping of str to str
        Kind of each column.
    """
    before = table
    metrics: dict[str, int] = {}
    parts: list[ibis.Table] = []
    respelled = {column: _respelled(table[column], spellings) for column, spellings in source.standardise.items()}
    after = table.mutate(**respelled) if respelled else table
    fillings = {column: _filling(after, column, value, kinds[column]) for column, value in source.impute.items()}
    filled = {column: after[column].fill_null(value) for column, value in fillings.items() if value is not None}
    after = after.mutate(**filled) if filled else after
    after = engine.sql(engine.compile(after)) if respelled or filled else table
    for why, columns in ((STANDARDISED, respelled), (IMPUTED, filled)):
        for column in columns:
            changed = _changes(before, source, column, why, fillings.get(column))
            metrics[f"{why}.{column}"] = int(changed.count().execute())
            parts.append(changed)
    nonempty = [part for part, count in zip(parts, metrics.values(), strict=True) if count]
    changes = (ibis.union(*nonempty, distinct=False) if len(nonempty) > 1 else nonempty[0]) if nonempty else None
    return Repaired(after, changes, metrics)


def deduplicate(
    engine: ibis.BaseBackend, name: str, table: ibis.Table, source: SourceParams
) -> tuple[ibis.Table, ibis.Table | None, dict[str, int]]:
    """Keep one row per declared key, and every row with an incomplete key.

    Returns
    -------
    table, conflicts, metrics
        conflicts: key (the key columns, joined by |), column, rows, different (distinct values), first_line: one row
        per key and column in which its rows differ; None where none do. Metrics: ``deduplicated`` (rows left out),
        ``conflicting_keys``.

    Raises
    ------
    DataError
        The rule is refuse, and rows of one key differ.
    """
    if source.keep is None:
        return table, None, {}
    key = [table[column].cast("string") for column in source.keep.by]
    whole = ibis.and_(*[table[column].notnull() for column in source.keep.by])
    joined = reduce(lambda left, right: left.concat("|", right), key)
    keyed = engine.sql(engine.compile(table.mutate(_key=ibis.cases((whole, joined), else_=ibis.null("string")))))
    conflicts = _conflicts(keyed, source.keep.by)
    count = int(conflicts.key.nunique().execute())
    if count and source.keep.rule == "refuse":
        lines = [str(row["first_line"]) for row in conflicts.limit(3).to_pyarrow().to_pylist()]
        problem = f"{count} keys ({listed(source.keep.by)}) have rows that differ, the first on line {listed(lines)}"
        raise DataError(Fault(f"sources.{name}", problem, "Equal rows for each key", "keep: rule first or latest"))
    order = [ibis.asc("_order")]
    if source.keep.latest_by:
        order = [ibis.desc(source.keep.latest_by, nulls_first=False), ibis.desc("_order")]
    place = ibis.row_number().over(group_by=keyed._key, order_by=order)
    ranked = keyed.mutate(_place=place)
    deduplicated = ranked.filter(ranked._key.isnull() | (ranked._place == 0)).drop("_key", "_place")
    deduplicated = engine.sql(engine.compile(deduplicated))
    left_out = int(table.count().execute()) - int(deduplicated.count().execute())
    return deduplicated, conflicts if count else None, {"deduplicated": left_out, "conflicting_keys": count}


def _respelled(cell: ibis.Value, spellings: Mapping[str, str]) -> ibis.Value:
    return ibis.cases(*[(cell == spelling, standard) for spelling, standard in spellings.items()], else_=cell)


def _filling(table: ibis.Table, column: str, value: str | float, kind: str) -> Any:
    if value == "median":
        return _median_of_text(table, column) if kind == "category" else table[column].median().execute()
    if value == "mode":
        counts = table.filter(table[column].notnull()).group_by(column).aggregate(n=lambda t: t.count())
        top = counts.order_by([ibis.desc("n"), ibis.asc(column)]).limit(1).to_pyarrow().to_pylist()
        return top[0][column] if top else None
    return ibis.literal(value).cast(ibis_type(kind))


def _median_of_text(table: ibis.Table, column: str) -> str | None:
    """Return the median of numbers stored as text, without decimals if it is whole.

    Raises
    ------
    DataError
        A value is not a number.
    """
    filled = table.filter(table[column].notnull())
    number = filled[column].try_cast("float64")
    not_numbers = filled.filter(number.isnull()).aggregate(n=ibis._.count(), first=ibis._[column].min())
    facts = not_numbers.to_pyarrow().to_pylist()[0]
    if facts["n"]:
        problem = f"{facts['n']} values are no numbers, such as {facts['first']!r}"
        raise DataError(Fault(f"impute.{column}", problem, "Numbers, of which there is a median", "mode, or a value"))
    median = filled.aggregate(m=number.median()).to_pyarrow().to_pylist()[0]["m"]
    return None if median is None else f"{median:.15g}"


def _changes(table: ibis.Table, source: SourceParams, column: str, why: str, filling: Any) -> ibis.Table:
    """List the cells that one declaration changes."""
    spellings = source.standardise.get(column, {})
    respelled = _respelled(table[column], spellings) if spellings else table[column]
    if why == STANDARDISED:
        rows = table.filter(table[column].isin(list(spellings)) & (respelled != table[column]))
        now = _respelled(rows[column], spellings)
    else:
        rows = table.filter(respelled.isnull())
        now = ibis.literal(filling) if not isinstance(filling, ibis.Expr) else filling
    return rows.select(
        file=rows["_file"], line=rows["_line"].cast("int64"), column=ibis.literal(column),
        raw=rows[column].cast("string"), now=now.cast("string"), why=ibis.literal(why),
    )  # fmt: skip


def _conflicts(keyed: ibis.Table, by: list[str]) -> ibis.Table:
    """List the number of values by key and column, for keys whose rows differ."""
    others = [name for name in keyed.columns if name not in (*by, *_PLACES, "_key")]
    rows = keyed.filter(keyed._key.notnull())
    different = {name: rows[name].nunique() for name in others}
    line = rows["_line"].cast("int64").min()
    counts = rows.group_by("_key").aggregate(rows=rows.count(), first_line=line, **different)
    repeated = counts.filter(counts.rows > 1)
    parts = [
        repeated.filter(repeated[name] > 1).select(
            key="_key", column=ibis.literal(name), rows="rows", different=name, first_line="first_line"
        )
        for name in others
    ]
    conflicts = ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    return conflicts.order_by("first_line", "key", "column")
