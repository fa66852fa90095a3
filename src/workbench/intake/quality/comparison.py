"""Compare tables with those of the previous run: columns, rows, blanks and distributions, relative to chance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd

from workbench.core.schema import CANONICAL, Column

if TYPE_CHECKING:
    from workbench.intake.quality.past import Past

__all__ = ["CHANGE_COLUMNS", "PSI_LIMIT", "compare_profiles", "profile_tables"]

PSI_LIMIT = 0.1  # the usual threshold; a change must also be significant
FILLED_LIMIT = 0.05  # difference of shares filled
ROWS_LIMIT = 0.2  # relative difference of rows
CHANGE_COLUMNS = ("change", "table", "column", "before", "after", "psi", "psi_chance", "status")
_TENTHS = np.linspace(0.1, 0.9, 9).tolist()
_MOST_LEVELS = 20
_OTHER = "\x00other"
_TINY = 1e-4  # replaces a share of 0 in the index


def profile_tables(tables: Mapping[str, ibis.Table]) -> pd.DataFrame:
    """Describe every column in a few numbers, for comparison with the next run.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables.

    Returns
    -------
    DataFrame
        One row per column: table, column, type, rows, filled, distinct, mean (numbers), bounds (JSON: the nine inner
        deciles of numbers and dates, as numbers), shares (JSON: of the bins between them, or of the 20 commonest
        values). Ids, free text, contact and sensitive columns have no bounds and no shares.
    """
    return pd.DataFrame([row for name, table in tables.items() for row in _profile(name, table)])


def compare_profiles(
    before: pd.DataFrame | None, after: pd.DataFrame, tables: Mapping[str, ibis.Table], *, past: Past | None = None
) -> pd.DataFrame:
    """Compare a profile with that of the previous run.

    Parameters
    ----------
    before : DataFrame or None
        Profile of the previous run; None on a first run.
    after : DataFrame
        Profile of this run.
    tables : mapping of str to ibis.Table
        Tables of this run, counted over the previous bins.
    past : Past, optional
        Late and missing order lines, listed first.

    Returns
    -------
    DataFrame
        change (late_rows, gone_rows, new_table, gone_table, new_column, gone_column, type, rows, filled, distribution),
        table, column,
        before, after (text or numbers as text), psi (population stability index over the previous bins), psi_chance
        (its .95 quantile without any change: chi-square with B - 1 degrees of freedom times 1/n + 1/m), status (warn,
        info). Empty if there are no differences.
    """
    if before is None or before.empty:
        return pd.DataFrame(columns=list(CHANGE_COLUMNS))
    keys = ["table", "column"]
    joined = before.merge(after, on=keys, how="outer", suffixes=("_before", "_after"), indicator=True)
    rows = [*(past.rows() if past else []), *_schema_changes(joined), *_row_changes(joined)]
    for row in joined[joined["_merge"] == "both"].itertuples():
        rows += _column_changes(row, tables[row.table])
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def _profile(name: str, table: ibis.Table) -> list[dict[str, Any]]:
    spec = {column.name: column for column in CANONICAL[name].columns}
    columns = [column for column in table.columns if not column.startswith("_")]
    counts: dict[str, ibis.Value] = {"rows": table.count()}
    for at, column in enumerate(columns):
        counts |= {f"filled {at}": table[column].count(), f"distinct {at}": table[column].approx_nunique()}
        if _is_number(table[column]):
            number = _as_number(table[column])
            counts |= {f"mean {at}": number.mean().round(6)}  # the last digits depend on the order of summation
            counts |= {f"tenths {at}": number.quantile(_TENTHS)}
    values = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
    rows = []
    for at, column in enumerate(columns):
        row = {"table": name, "column": column, "type": str(table[column].type()), "rows": int(values["rows"])}
        row |= {"filled": int(values[f"filled {at}"]), "distinct": int(values[f"distinct {at}"])}
        rows.append(row | {"mean": values.get(f"mean {at}"), "bounds": "", "shares": ""})
    public = {
        at: row
        for at, row in enumerate(rows)
        if row["filled"] and not (row["column"] in spec and _is_private(spec[row["column"]]))
    }
    bounds = {
        row["column"]: sorted({round(float(value), 6) for value in values[f"tenths {at}"]})
        for at, row in public.items()
        if f"tenths {at}" in values
    }
    shares = _bin_shares(table, bounds)
    for row in public.values():
        column = row["column"]
        if column in bounds:
            row |= {"bounds": json.dumps(bounds[column]), "shares": json.dumps(shares[column])}
        else:
            row["shares"] = json.dumps(_level_shares(table, column, None), ensure_ascii=False)
    return rows


def _is_private(column: Column) -> bool:
    return column.kind in ("id", "text") or column.sensitive


def _bin_shares(table: ibis.Table, bounds: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """Count the numbers of columns between their bounds, in one pass over the table."""
    if not bounds:
        return {}
    counts: dict[str, ibis.Value] = {}
    for at, (column, steps) in enumerate(bounds.items()):
        number = _as_number(table[column])
        counts[f"known {at}"] = number.count()
        counts |= {f"above {at} {step}": (number > bound).sum() for step, bound in enumerate(steps)}
    above_counts = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
    shares = {}
    for at, (column, steps) in enumerate(bounds.items()):
        above = np.array(
            [above_counts[f"known {at}"], *(above_counts[f"above {at} {step}"] or 0 for step in range(len(steps))), 0]
        )
        between = above[:-1] - above[1:]
        shares[column] = [round(float(share), 9) for share in between / max(between.sum(), 1)]
    return shares


def _level_shares(table: ibis.Table, column: str, levels: list[str] | None) -> dict[str, float]:
    text = table[column].cast("string")
    filled = table.filter(text.notnull())
    counted = filled.group_by(level=text).aggregate(n=lambda t: t.count()).order_by([ibis.desc("n"), ibis.asc("level")])
    rows = (counted.limit(_MOST_LEVELS) if levels is None else counted.filter(counted.level.isin(levels))).to_pyarrow()
    total = int(filled.count().execute())
    shares = {row["level"]: row["n"] / total for row in rows.to_pylist()} if total else {}
    level_shares = {level: round(shares.get(level, 0.0), 9) for level in (shares if levels is None else levels)}
    return level_shares | {_OTHER: round(max(1 - sum(level_shares.values()), 0.0), 9)}


def _is_number(cell: ibis.Value) -> bool:
    kind = cell.type()
    return not kind.is_boolean() and (kind.is_numeric() or kind.is_temporal())


def _as_number(cell: ibis.Value) -> ibis.Value:
    return cell.epoch_seconds().cast("float64") if cell.type().is_temporal() else cell.cast("float64")


def _schema_changes(joined: pd.DataFrame) -> list[tuple]:
    rows = []
    for side, word in (("left_only", "gone"), ("right_only", "new")):
        only_there = joined[joined["_merge"] == side]
        others = set(joined.loc[joined["_merge"] != side, "table"])
        for table in only_there["table"].unique():
            if table not in others:
                rows.append((f"{word}_table", table, "", *_sides(word, table), None, None, "warn"))
                continue
            for column in only_there.loc[only_there["table"] == table, "column"]:
                rows.append((f"{word}_column", table, column, *_sides(word, column), None, None, "warn"))
    return rows


def _sides(word: str, name: str) -> tuple[str, str]:
    return (name, "") if word == "gone" else ("", name)


def _row_changes(joined: pd.DataFrame) -> list[tuple]:
    rows = []
    tables = joined[joined["_merge"] == "both"].groupby("table")[["rows_before", "rows_after"]].first()
    for table, row in tables.iterrows():
        then, now = int(row["rows_before"]), int(row["rows_after"])
        if then != now:
            status = "warn" if abs(now - then) > ROWS_LIMIT * max(then, 1) else "info"
            rows.append(("rows", table, "", str(then), str(now), None, None, status))
    return rows


def _column_changes(row: Any, table: ibis.Table) -> list[tuple]:
    place = (row.table, row.column)
    if row.type_before != row.type_after:
        return [("type", *place, row.type_before, row.type_after, None, None, "warn")]
    rows: list[tuple] = []
    then, now = (row.filled_before / max(row.rows_before, 1), row.filled_after / max(row.rows_after, 1))
    if abs(now - then) > FILLED_LIMIT:
        rows.append(("filled", *place, f"{then:.3f}", f"{now:.3f}", None, None, "warn"))
    if row.shares_before and row.filled_after:
        psi, chance = _stability(row, table)
        if psi > PSI_LIMIT and psi > chance:
            means = (_short_number(row.mean_before), _short_number(row.mean_after))
            rows.append(("distribution", *place, *means, round(psi, 6), round(chance, 6), "warn"))
    return rows


def _stability(row: Any, table: ibis.Table) -> tuple[float, float]:
    from scipy.stats import chi2  # noqa: PLC0415

    then, now = json.loads(row.shares_before), json.loads(row.shares_after or "[]")
    if row.bounds_before:
        if row.bounds_after != row.bounds_before:
            now = _bin_shares(table, {row.column: json.loads(row.bounds_before)})[row.column]
        old, new = np.array(then), np.array(now)
    else:
        if list(now) != list(then):
            now = _level_shares(table, row.column, [level for level in then if level != _OTHER])
        old, new = (np.array([shares.get(level, 0.0) for level in then]) for shares in (then, now))
    used = (old > 0) | (new > 0)
    old, new = np.maximum(old[used], _TINY), np.maximum(new[used], _TINY)
    psi = float(((new - old) * np.log(new / old)).sum())
    degrees_of_freedom = max(int(used.sum()) - 1, 1)
    return psi, float(chi2.ppf(0.95, degrees_of_freedom) * (1 / row.filled_before + 1 / row.filled_after))


def _short_number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4g}"
