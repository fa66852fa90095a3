"""What is different from the run before: columns, rows, blanks and distributions, beside what chance alone does."""

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

PSI_LIMIT = 0.1  # the customary bound; a change must also leave the band that chance alone gives
FILLED_LIMIT = 0.05  # difference of shares filled
ROWS_LIMIT = 0.2  # relative difference of rows
CHANGE_COLUMNS = ("change", "table", "column", "before", "after", "psi", "psi_chance", "status")
_TENTHS = np.linspace(0.1, 0.9, 9).tolist()
_MOST_LEVELS = 20
_OTHER = "\x00other"
_TINY = 1e-4  # share that stands for none in the index


def profile_tables(tables: Mapping[str, ibis.Table]) -> pd.DataFrame:
    """Describe every column in a few numbers, to be compared with the next run.

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
    """Compare a profile with that of the run before.

    Parameters
    ----------
    before : DataFrame or None
        As `profile_tables` gave it then; None on a first run.
    after : DataFrame
        Of today.
    tables : mapping of str to ibis.Table
        Today's tables, counted over the bins of then.
    past : Past, optional
        What came in late or is gone, listed first.

    Returns
    -------
    DataFrame
        change (late_rows, gone_rows, new_table, gone_table, new_column, gone_column, type, rows, filled, distribution),
        table, column,
        before, after (text or numbers as text), psi (population stability index over the bins of then), psi_chance
        (its .95 quantile without any change: chi-square with B - 1 degrees of freedom times 1/n + 1/m), status (warn,
        info). Empty where nothing is different.
    """
    if before is None or before.empty:
        return pd.DataFrame(columns=list(CHANGE_COLUMNS))
    keys = ["table", "column"]
    both = before.merge(after, on=keys, how="outer", suffixes=("_before", "_after"), indicator=True)
    rows = [*(past.rows() if past else []), *_schema_changes(both), *_row_changes(both)]
    for each in both[both["_merge"] == "both"].itertuples():
        rows += _column_changes(each, tables[each.table])
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def _profile(name: str, table: ibis.Table) -> list[dict[str, Any]]:
    spec = {each.name: each for each in CANONICAL[name].columns}
    columns = [column for column in table.columns if not column.startswith("_")]
    counts: dict[str, ibis.Value] = {"rows": table.count()}
    for at, column in enumerate(columns):
        counts |= {f"filled {at}": table[column].count(), f"distinct {at}": table[column].approx_nunique()}
        number = _as_number(table[column])
        if number is not None:
            counts |= {f"mean {at}": number.mean().round(6)}  # the last digits depend on the order of summing
            counts |= {f"tenths {at}": number.quantile(_TENTHS)}
    found = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
    rows = []
    for at, column in enumerate(columns):
        row = {"table": name, "column": column, "type": str(table[column].type()), "rows": int(found["rows"])}
        row |= {"filled": int(found[f"filled {at}"]), "distinct": int(found[f"distinct {at}"])}
        rows.append(row | {"mean": found.get(f"mean {at}"), "bounds": "", "shares": ""})
    told = {
        at: row
        for at, row in enumerate(rows)
        if row["filled"] and not (row["column"] in spec and _is_private(spec[row["column"]]))
    }
    bounds = {
        row["column"]: sorted({round(float(value), 6) for value in found[f"tenths {at}"]})
        for at, row in told.items()
        if f"tenths {at}" in found
    }
    shares = _bin_shares(table, bounds)
    for row in told.values():
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
    found = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
    shares = {}
    for at, (column, steps) in enumerate(bounds.items()):
        above = np.array([found[f"known {at}"], *(found[f"above {at} {step}"] or 0 for step in range(len(steps))), 0])
        between = above[:-1] - above[1:]
        shares[column] = [round(float(share), 9) for share in between / max(between.sum(), 1)]
    return shares


def _level_shares(table: ibis.Table, column: str, levels: list[str] | None) -> dict[str, float]:
    text = table[column].cast("string")
    known = table.filter(text.notnull())
    counted = known.group_by(level=text).aggregate(n=lambda t: t.count()).order_by([ibis.desc("n"), ibis.asc("level")])
    rows = (counted.limit(_MOST_LEVELS) if levels is None else counted.filter(counted.level.isin(levels))).to_pyarrow()
    total = int(known.count().execute())
    shares = {row["level"]: row["n"] / total for row in rows.to_pylist()} if total else {}
    found = {level: round(shares.get(level, 0.0), 9) for level in (shares if levels is None else levels)}
    return found | {_OTHER: round(max(1 - sum(found.values()), 0.0), 9)}


def _as_number(cell: ibis.Value) -> ibis.Value | None:
    kind = cell.type()
    if kind.is_boolean() or not (kind.is_numeric() or kind.is_temporal()):
        return None
    return cell.epoch_seconds().cast("float64") if kind.is_temporal() else cell.cast("float64")


def _schema_changes(both: pd.DataFrame) -> list[tuple]:
    rows = []
    for side, word in (("left_only", "gone"), ("right_only", "new")):
        alone = both[both["_merge"] == side]
        others = set(both.loc[both["_merge"] != side, "table"])
        for table in alone["table"].unique():
            if table not in others:
                rows.append((f"{word}_table", table, "", *_sides(word, table), None, None, "warn"))
                continue
            for column in alone.loc[alone["table"] == table, "column"]:
                rows.append((f"{word}_column", table, column, *_sides(word, column), None, None, "warn"))
    return rows


def _sides(word: str, name: str) -> tuple[str, str]:
    return (name, "") if word == "gone" else ("", name)


def _row_changes(both: pd.DataFrame) -> list[tuple]:
    rows = []
    tables = both[both["_merge"] == "both"].groupby("table")[["rows_before", "rows_after"]].first()
    for table, row in tables.iterrows():
        then, now = int(row["rows_before"]), int(row["rows_after"])
        if then != now:
            status = "warn" if abs(now - then) > ROWS_LIMIT * max(then, 1) else "info"
            rows.append(("rows", table, "", str(then), str(now), None, None, status))
    return rows


def _column_changes(each: Any, table: ibis.Table) -> list[tuple]:
    place = (each.table, each.column)
    if each.type_before != each.type_after:
        return [("type", *place, each.type_before, each.type_after, None, None, "warn")]
    rows = []
    then, now = (each.filled_before / max(each.rows_before, 1), each.filled_after / max(each.rows_after, 1))
    if abs(now - then) > FILLED_LIMIT:
        rows.append(("filled", *place, f"{then:.3f}", f"{now:.3f}", None, None, "warn"))
    if each.shares_before and each.filled_after:
        psi, chance = _stability(each, table)
        if psi > PSI_LIMIT and psi > chance:
            ends = (_shown(each.mean_before), _shown(each.mean_after))
            rows.append(("distribution", *place, *ends, round(psi, 6), round(chance, 6), "warn"))
    return rows


def _stability(each: Any, table: ibis.Table) -> tuple[float, float]:
    from scipy.stats import chi2  # noqa: PLC0415

    then, now = json.loads(each.shares_before), json.loads(each.shares_after or "[]")
    if each.bounds_before:
        if each.bounds_after != each.bounds_before:
            now = _bin_shares(table, {each.column: json.loads(each.bounds_before)})[each.column]
        old, new = np.array(then), np.array(now)
    else:
        if list(now) != list(then):
            now = _level_shares(table, each.column, [level for level in then if level != _OTHER])
        old, new = (np.array([shares.get(level, 0.0) for level in then]) for shares in (then, now))
    used = (old > 0) | (new > 0)
    old, new = np.maximum(old[used], _TINY), np.maximum(new[used], _TINY)
    psi = float(((new - old) * np.log(new / old)).sum())
    free = max(int(used.sum()) - 1, 1)
    return psi, float(chi2.ppf(0.95, free) * (1 / each.filled_before + 1 / each.filled_after))


def _shown(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4g}"
