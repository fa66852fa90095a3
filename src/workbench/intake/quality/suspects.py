"""Find well-formed but implausible values, such as a birth year of 1893 or an income of 666,666.

They are reported, never changed. Only columns of customers and products are checked by value, except contact and
sensitive columns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

import ibis
import pandas as pd

from workbench.core.schema import CANONICAL, UNDATED

__all__ = ["SUSPECT_COLUMNS", "find_suspects"]

SUSPECT_COLUMNS = ("reason", "table", "column", "value", "rows", "of")
OLDEST = 110  # years; an older customer is implausible
FAR = 6.0  # a number this many interquartile ranges beyond the quartiles is suspect
NEAR = 2.0  # the same for a number with one repeated digit
MOST_LEVELS = 60  # a column with more values is not a category
RARE_SHARE, RARE_ROWS = 0.005, 5
LEAST_ROWS = 50  # rows, for a value to be rare or far
MOST_VALUES = 5  # most values listed of a column
MOSTLY = 0.95  # least share of numbers in a text column of numbers
JUMP = 50.0  # suspicious ratio of the median amounts of two months
LEAST_A_MONTH = 30  # order lines
_TABLES = ("customers", "products")
_YEARS = (1850, 2100)


def find_suspects(tables: Mapping[str, ibis.Table], *, as_of: dt.date) -> pd.DataFrame:
    """List suspect values.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables.
    as_of : date
        If it is ``UNDATED``, the day after the latest date in the tables (without birth dates) is used.

    Returns
    -------
    DataFrame
        reason, table, column, value (as text), rows (with this value), of (rows with any value); at most five rows per
        column. Reasons: ``implausible_year``, ``implausible_age`` (over 110 years, or not born yet), ``far_number`` (6
        interquartile ranges beyond the quartiles), ``repeated_digit`` (such as 666666, 2 interquartile ranges beyond),
        ``rare_level`` (of a category: under .5 % and at most five rows), ``midnight_only`` (no time of day at all),
        ``magnitude_jump`` (median amount of a month 50 times that of the month before, or a 50th).
    """
    suspects: list[tuple] = []
    as_of = as_of if as_of != UNDATED else _last_day(tables)
    for name in (name for name in _TABLES if name in tables):
        table = _read_numbers(tables[name], _described(name, tables[name]))
        for column in _described(name, table):
            kind = table[column].type()
            if kind.is_numeric():
                suspects += [
                    (reason, name, column, *figures) for reason, *figures in _doubt_number(table, column, as_of)
                ]
            elif kind.is_date():
                suspects += [
                    (reason, name, column, *figures) for reason, *figures in _doubt_birth(table, column, as_of)
                ]
            elif kind.is_string():
                suspects += [("rare_level", name, column, *figures) for figures in _rare_levels(table, column)]
    for name, table in tables.items():
        suspects += _midnights(name, table)
    if {"amount", "ordered_at"} <= set(tables["transactions"].columns if "transactions" in tables else ()):
        suspects += _jumps(tables["transactions"])
    return pd.DataFrame(suspects, columns=list(SUSPECT_COLUMNS))


def _last_day(tables: Mapping[str, ibis.Table]) -> dt.date:
    """Return the day after the last date in the tables; birth dates count only if there are no others."""
    days: dict[bool, list[dt.date]] = {True: [], False: []}
    for table in tables.values():
        dated = [name for name in table.columns if table[name].type().is_date() or table[name].type().is_timestamp()]
        if dated:
            latest = (
                table.aggregate(**{name: table[name].max().cast("date") for name in dated}).to_pyarrow().to_pylist()
            )
            for name, day in latest[0].items():
                days[name == "birth_date"] += [day] if day is not None else []
    relevant_days = days[False] or days[True]
    return max(relevant_days) + dt.timedelta(days=1) if relevant_days else dt.date(_YEARS[1], 1, 1)


def _described(name: str, table: ibis.Table) -> list[str]:
    columns = CANONICAL[name].columns
    hidden = {column.name for column in columns if column.contact or column.sensitive or column.kind == "id"}
    return [column for column in table.columns if column not in hidden and not column.startswith("_")]


def _read_numbers(table: ibis.Table, columns: list[str]) -> ibis.Table:
    """Cast text columns to numbers where nearly every filled cell is one: attributes and incomes are stored as text."""
    texts = [column for column in columns if table[column].type().is_string()]
    if not texts:
        return table
    numbers = {column: table[column].strip().nullif("").try_cast("float64") for column in texts}
    counts = {f"filled {column}": table[column].strip().nullif("").count() for column in texts}
    counts |= {f"numbers {column}": numbers[column].count() for column in texts}
    results = table.aggregate(**counts).to_pyarrow().to_pylist()[0]
    shares = {column: results[f"numbers {column}"] / max(results[f"filled {column}"], 1) for column in texts}
    return table.mutate(**{column: numbers[column] for column in texts if shares[column] >= MOSTLY})


def _doubt_number(table: ibis.Table, column: str, as_of: dt.date) -> Iterator[tuple]:
    cell = table[column].cast("float64")
    facts = table.aggregate(
        n=cell.count(), low=cell.quantile(0.25), middle=cell.median(), high=cell.quantile(0.75), distinct=cell.nunique()
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    if not facts["n"]:
        return
    if _YEARS[0] <= facts["middle"] <= as_of.year and facts["low"] >= _YEARS[0] and facts["high"] <= _YEARS[1]:
        outside = (cell < as_of.year - OLDEST) | (cell > as_of.year)
        yield from (("implausible_year", *suspect) for suspect in _values(table, column, outside, facts["n"]))
        return
    if column == "age":
        yield from (("implausible_age", *suspect) for suspect in _values(table, column, cell > OLDEST, facts["n"]))
        return
    spread = facts["high"] - facts["low"]
    if facts["n"] < LEAST_ROWS or spread <= 0:
        return
    far = (cell > facts["high"] + FAR * spread) | (cell < facts["low"] - FAR * spread)
    text = cell.abs().cast("int64").cast("string")
    one_digit = text.re_search(r"^(1{4,}|2{4,}|3{4,}|4{4,}|5{4,}|6{4,}|7{4,}|8{4,}|9{4,})$")
    repeated = one_digit & (cell > facts["high"] + NEAR * spread)
    yield from (("repeated_digit", *suspect) for suspect in _values(table, column, repeated, facts["n"]))
    yield from (
        ("far_number", *suspect) for suspect in _values(table, column, far & ~repeated, facts["n"], largest=True)
    )


def _doubt_birth(table: ibis.Table, column: str, as_of: dt.date) -> Iterator[tuple]:
    if column != "birth_date":
        return
    first = dt.date(as_of.year - OLDEST, as_of.month, 1)
    n = int(table[column].count().execute())
    outside = (table[column] < first) | (table[column] >= as_of)
    yield from (("implausible_year", *suspect) for suspect in _values(table, column, outside, n))


def _values(
    table: ibis.Table, column: str, is_suspect: ibis.Value, n: int, *, largest: bool = False
) -> list[tuple[str, int, int]]:
    counts = table.filter(is_suspect.fill_null(False)).group_by(value=table[column]).aggregate(rows=lambda t: t.count())
    order = [ibis.desc("value")] if largest else [ibis.desc("rows"), ibis.asc("value")]
    rows = counts.order_by(order).limit(MOST_VALUES).to_pyarrow().to_pylist()
    return [(_plain(row["value"]), int(row["rows"]), n) for row in rows]


def _rare_levels(table: ibis.Table, column: str) -> list[tuple[str, int, int]]:
    facts = table.aggregate(n=table[column].count(), levels=table[column].nunique()).to_pyarrow().to_pylist()[0]
    n = int(facts["n"])
    if n < LEAST_ROWS or not 1 < facts["levels"] <= MOST_LEVELS:
        return []
    counts = table.filter(table[column].notnull()).group_by(value=table[column]).aggregate(rows=lambda t: t.count())
    rare = counts.filter((counts.rows <= RARE_ROWS) & (counts.rows < RARE_SHARE * n))
    rows = rare.order_by(["rows", "value"]).to_pyarrow().to_pylist()
    if len(rows) > facts["levels"] / 2:  # most values are rare: proper names, not errors
        return []
    return [(str(row["value"]), int(row["rows"]), n) for row in rows[:MOST_VALUES]]


def _midnights(name: str, table: ibis.Table) -> list[tuple]:
    column = CANONICAL[name].dated_by
    if not column or column not in table.columns or not table[column].type().is_timestamp():
        return []
    cell = table[column]
    timed = (cell != cell.truncate("D")).fill_null(False)
    facts = table.aggregate(n=cell.count(), timed=timed.any()).to_pyarrow().to_pylist()[0]
    if facts["timed"] or not facts["n"]:
        return []
    return [("midnight_only", name, column, "00:00", facts["n"], facts["n"])]


def _jumps(lines: ibis.Table) -> list[tuple]:
    """Compare the median amount of each month with the previous month, to detect a wrong unit (yuan and fen)."""
    sold = lines.filter((lines.amount > 0) & lines.ordered_at.notnull())
    months = sold.group_by(month=sold.ordered_at.truncate("M")).aggregate(
        median=sold.amount.cast("float64").median(), n=sold.count()
    )
    rows = [row for row in months.order_by("month").to_pyarrow().to_pylist() if row["n"] >= LEAST_A_MONTH]
    jumps = []
    for before, after in zip(rows, rows[1:], strict=False):
        ratio = after["median"] / before["median"]
        if ratio >= JUMP or ratio <= 1 / JUMP:
            month = after["month"].date().isoformat()[:7]
            jumps.append(("magnitude_jump", "transactions", "amount", f"{month} x{ratio:.3g}", after["n"], after["n"]))
    return jumps


def _plain(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return format(value.normalize(), "f") if hasattr(value, "normalize") else str(value)
