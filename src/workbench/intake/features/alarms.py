"""Does an undated column know the future? Declared attributes carry no date, so they are questioned before use.

Serves 03_build_features. A column under alarm is left out of the features and named on the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir
import pandas as pd

from workbench.core.schema import CANONICAL, UNDATED
from workbench.intake.features.contacts.attributes import attribute_columns
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.inputs.lines import is_sale

__all__ = ["Alarm", "find_alarms", "speaks_of_the_future", "watch_future", "without_columns"]

# parts of a name that speak of what came afterwards
FUTURE_PARTS = {
    "future", "churn", "churned", "attrition", "outcome", "cancelled", "canceled", "cancellation", "lapsed", "next",
}  # fmt: skip
FUTURE_WORDS = ("流失", "未来", "下次", "注销", "退订")
LEAST_EACH = 20  # customers with and without a later purchase under which nothing is compared
PURE = 0.995  # share of customers whom a column tells apart from which it knows
MOST_BASE = 0.95  # share of the larger group above which telling apart says nothing
MOST_VALUES = 50  # distinct values of a category that is compared
ISO_DATE = r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
MOSTLY = 0.95  # share of cells from which a text column holds dates


@dataclass(frozen=True)
class Alarm:
    """A column that may know the future.

    Attributes
    ----------
    table, column : str
    reason : str
        ``dates_after``: it holds dates on or after the as-of date; ``name``: its name speaks of what came after;
        ``tied``: it tells who buys after the as-of date.
    customers : int
        How many customers it rests on: those dated later, those it tells apart; for a name all who have a value.
    share : float
        Share of the customers with a value dated later, or told apart rightly; 1 for a name.
    """

    table: str
    column: str
    reason: str
    customers: int
    share: float


def watch_future(tables: Mapping[str, ir.Table], *, as_of: date) -> tuple[dict[str, ir.Table], list[Alarm]]:
    """Find columns that may know the future, and leave them out.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables by name, as the store gives them: rows after the as-of date are what the alarm rests on.
    as_of : date

    Returns
    -------
    tuple
        The tables without the columns under alarm, and the alarms, by column.
    """
    alarms = find_alarms(tables, as_of=as_of)
    return without_columns(tables, alarms), alarms


def without_columns(tables: Mapping[str, ir.Table], alarms: list[Alarm]) -> dict[str, ir.Table]:
    """Drop the columns under alarm."""
    dropped: dict[str, list[str]] = {}
    for alarm in alarms:
        dropped.setdefault(alarm.table, []).append(alarm.column)
    return {name: table.drop(*dropped[name]) if name in dropped else table for name, table in tables.items()}


def find_alarms(tables: Mapping[str, ir.Table], *, as_of: date) -> list[Alarm]:
    """Question the declared attributes of customers, and the named columns without a date.

    Three questions, the first that is answered yes counts: does the column hold dates on or after the as-of date; does
    its name speak of what came after (churned, cancelled, next, 流失 ...); does it tell the customers with a purchase
    on or after the as-of date from the others, for 99.5 % of them, where there are 20 of each and neither group is over
    95 %? A category is asked by its values (blank is one), a number by its best threshold and by whether it is known.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables, uncut.
    as_of : date
        Without dates (``UNDATED``) names alone are questioned.

    Returns
    -------
    list of Alarm
        Sorted by column.
    """
    customers = tables.get("customers")
    if customers is None:
        return []
    named = {column.name for column in CANONICAL["customers"].columns}
    declared = [name for name in customers.columns if name not in named]
    found = {}
    if as_of != UNDATED:
        found |= _tied(tables, attribute_columns(customers), as_of)
    found |= {alarm.column: alarm for alarm in _by_name(customers, declared)}
    if as_of != UNDATED:
        found |= {alarm.column: alarm for alarm in _dated_after(customers, declared, as_of)}
    return [found[name] for name in sorted(found)]


def _by_name(customers: ir.Table, columns: list[str]) -> list[Alarm]:
    suspect = [name for name in columns if speaks_of_the_future(name)]
    if not suspect:
        return []
    known = customers.aggregate(**{name: customers[name].count() for name in suspect}).to_pyarrow().to_pylist()[0]
    return [Alarm("customers", name, "name", known[name], 1.0) for name in suspect]


def speaks_of_the_future(name: str) -> bool:
    """Say whether a column's name speaks of what came afterwards: churned, cancelled, next, 流失 ..."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    parts = {part for part in re.split(r"[^a-z]+", spaced.lower()) if part}
    return bool(parts & FUTURE_PARTS) or any(word in name for word in FUTURE_WORDS)


def _dated_after(customers: ir.Table, columns: list[str], as_of: date) -> list[Alarm]:
    """Find attributes with dates on or after the as-of date, whether typed as dates or written as text."""
    sums: dict[str, ir.Scalar] = {}
    for name in columns:
        column = customers[name]
        if column.type().is_temporal():
            sums |= {f"{name}:known": column.count(), f"{name}:dates": column.count()}
            sums[f"{name}:later"] = (column.cast("timestamp") >= at_midnight(as_of)).sum()
        elif column.type().is_string():
            cell = column.strip().nullif("")
            day = cell.re_replace("[/.]", "-").substr(0, 10).try_cast("date")
            sums |= {f"{name}:known": cell.count(), f"{name}:dates": cell.re_search(ISO_DATE).sum()}
            sums[f"{name}:later"] = (cell.re_search(ISO_DATE) & (day >= as_of)).sum()
    if not sums:
        return []
    counts = customers.aggregate(**sums).to_pyarrow().to_pylist()[0]
    found = []
    for name in columns:
        known, dates, later = (int(counts.get(f"{name}:{what}") or 0) for what in ("known", "dates", "later"))
        if later and dates >= MOSTLY * known:
            found.append(Alarm("customers", name, "dates_after", later, later / known))
    return found


def _tied(tables: Mapping[str, ir.Table], columns: list[str], as_of: date) -> dict[str, Alarm]:
    """Find columns that tell who buys on or after the as-of date."""
    lines = tables.get("transactions")
    if not columns or lines is None or not {"customer_id", "ordered_at", "amount"} <= set(lines.columns):
        return {}
    ahead = lines.filter(lines.customer_id.notnull(), lines.ordered_at >= at_midnight(as_of))
    later = ahead.filter(is_sale(ahead)).select("customer_id").distinct().mutate(later=ibis.literal(1))
    customers = tables["customers"].filter(tables["customers"].customer_id.notnull())
    told = customers.left_join(later, "customer_id")
    told = told.select(*columns, later=told.later.fill_null(0))
    sizes = told.aggregate(n=told.count(), later=told.later.sum()).to_pyarrow().to_pylist()[0]
    n, some = int(sizes["n"]), int(sizes["later"] or 0)
    if min(some, n - some) < LEAST_EACH or max(some, n - some) > MOST_BASE * n:
        return {}
    shares = {name: _told_apart(told, name) for name in columns}
    return {
        name: Alarm("customers", name, "tied", round(share * n), round(share, 6))
        for name, share in shares.items()
        if share >= PURE
    }


def _told_apart(told: ir.Table, name: str) -> float:
    """Give the share of customers whose later purchase a column tells, guessing the larger group of each value."""
    column = told[name]
    text = column.type().is_string() or column.type().is_boolean()
    value = column.cast("string").strip().nullif("") if text else column
    counted = told.select(value=value, later="later").group_by("value")
    counts = counted.aggregate(n=lambda table: table.count(), some=lambda table: table.later.sum()).to_pandas()
    counts = counts.assign(none=counts["n"] - counts["some"])
    n = int(counts["n"].sum())
    missing = counts["value"].isna()
    known = counts[~missing]
    rest = int(counts.loc[missing, ["some", "none"]].max(axis=1).sum())
    by_presence = rest + int(max(known["some"].sum(), known["none"].sum()))
    if text:
        by_value = rest + int(known[["some", "none"]].max(axis=1).sum()) if len(known) <= MOST_VALUES else 0
        return max(by_value, by_presence) / n
    return max(rest + _best_threshold(known), by_presence) / n


def _best_threshold(counts: pd.DataFrame) -> int:
    """Count the customers told apart by the best single threshold of a number."""
    if counts.empty:
        return 0
    ordered = counts.sort_values("value")
    some, none = ordered["some"].cumsum(), ordered["none"].cumsum()
    below_none = none + (some.iloc[-1] - some)  # up to here none, above some
    below_some = some + (none.iloc[-1] - none)
    return int(max(below_none.max(), below_some.max(), some.iloc[-1], none.iloc[-1]))
