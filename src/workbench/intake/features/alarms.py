"""Detect undated columns that leak the future. Declared attributes have no date, so they are checked before use.

Used by 03_build_features. A column that raises an alarm is left out of the features and named on the page.
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

__all__ = ["Alarm", "find_alarms", "has_future_name", "watch_future", "without_columns"]

# parts of a name that refer to later events
FUTURE_PARTS = {
    "future", "churn", "churned", "attrition", "outcome", "cancelled", "canceled", "cancellation", "lapsed", "next",
}  # fmt: skip
FUTURE_WORDS = ("流失", "未来", "下次", "注销", "退订")
LEAST_EACH = 20  # fewest customers with and without a later purchase
PURE = 0.995  # from this share of correct predictions on, a column leaks
MOST_BASE = 0.95  # if the larger group has a larger share, prediction proves nothing
MOST_VALUES = 50  # most distinct values of a category
ISO_DATE = r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
MOSTLY = 0.95  # least share of dates in a text column of dates


@dataclass(frozen=True)
class Alarm:
    """A column that may leak the future.

    Attributes
    ----------
    table, column : str
    reason : str
        ``dates_after``: it holds dates on or after the as-of date; ``name``: its name refers to later events;
        ``tied``: it predicts who buys after the as-of date.
    customers : int
        Number of customers with a later date or with a correct prediction; for a name, all with a value.
    share : float
        Share of the customers with a value who have a later date or a correct prediction; 1 for a name.
    """

    table: str
    column: str
    reason: str
    customers: int
    share: float


def watch_future(tables: Mapping[str, ir.Table], *, as_of: date) -> tuple[dict[str, ir.Table], list[Alarm]]:
    """Find columns that may leak the future, and leave them out.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables by name, not cut, since the checks use rows after the as-of date.
    as_of : date

    Returns
    -------
    tuple
        The tables without the columns that raised an alarm, and the alarms, by column.
    """
    alarms = find_alarms(tables, as_of=as_of)
    return without_columns(tables, alarms), alarms


def without_columns(tables: Mapping[str, ir.Table], alarms: list[Alarm]) -> dict[str, ir.Table]:
    """Drop the columns that raised an alarm."""
    dropped: dict[str, list[str]] = {}
    for alarm in alarms:
        dropped.setdefault(alarm.table, []).append(alarm.column)
    return {name: table.drop(*dropped[name]) if name in dropped else table for name, table in tables.items()}


def find_alarms(tables: Mapping[str, ir.Table], *, as_of: date) -> list[Alarm]:
    """Check the declared attributes of customers, and the named columns without a date.

    Three checks; the first positive one counts: the column holds dates on or after the as-of date; its name
    refers to later events (churned, cancelled, next, 流失 ...); it predicts for 99.5 % of the customers whether they
    buy on or after the as-of date, where there are 20 buyers, 20 others and neither group is over 95 %. A category
    predicts by its values (blank is one), a number by its best threshold or by being filled.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables, uncut.
    as_of : date
        Without dates (``UNDATED``) only names are checked.

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
    alarms: dict[str, Alarm] = {}
    if as_of != UNDATED:
        alarms |= _tied(tables, attribute_columns(customers), as_of)
    alarms |= {alarm.column: alarm for alarm in _by_name(customers, declared)}
    if as_of != UNDATED:
        alarms |= {alarm.column: alarm for alarm in _dated_after(customers, declared, as_of)}
    return [alarms[name] for name in sorted(alarms)]


def _by_name(customers: ir.Table, columns: list[str]) -> list[Alarm]:
    suspect = [name for name in columns if has_future_name(name)]
    if not suspect:
        return []
    counts = customers.aggregate(**{name: customers[name].count() for name in suspect}).to_pyarrow().to_pylist()[0]
    return [Alarm("customers", name, "name", counts[name], 1.0) for name in suspect]


def has_future_name(name: str) -> bool:
    """Return whether a column's name refers to later events: churned, cancelled, next, 流失 ..."""
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
    alarms = []
    for name in columns:
        filled, dates, later = (int(counts.get(f"{name}:{measure}") or 0) for measure in ("known", "dates", "later"))
        if later and dates >= MOSTLY * filled:
            alarms.append(Alarm("customers", name, "dates_after", later, later / filled))
    return alarms


def _tied(tables: Mapping[str, ir.Table], columns: list[str], as_of: date) -> dict[str, Alarm]:
    """Find columns that predict who buys on or after the as-of date."""
    lines = tables.get("transactions")
    if not columns or lines is None or not {"customer_id", "ordered_at", "amount"} <= set(lines.columns):
        return {}
    ahead = lines.filter(lines.customer_id.notnull(), lines.ordered_at >= at_midnight(as_of))
    later = ahead.filter(is_sale(ahead)).select("customer_id").distinct().mutate(later=ibis.literal(1))
    customers = tables["customers"].filter(tables["customers"].customer_id.notnull())
    labelled = customers.left_join(later, "customer_id")
    labelled = labelled.select(*columns, later=labelled.later.fill_null(0))
    sizes = labelled.aggregate(n=labelled.count(), later=labelled.later.sum()).to_pyarrow().to_pylist()[0]
    n, later_buyers = int(sizes["n"]), int(sizes["later"] or 0)
    if min(later_buyers, n - later_buyers) < LEAST_EACH or max(later_buyers, n - later_buyers) > MOST_BASE * n:
        return {}
    shares = {name: _share_predicted(labelled, name) for name in columns}
    return {
        name: Alarm("customers", name, "tied", round(share * n), round(share, 6))
        for name, share in shares.items()
        if share >= PURE
    }


def _share_predicted(labelled: ir.Table, name: str) -> float:
    """Return the share of customers predicted correctly by a column, using the larger group of each value."""
    column = labelled[name]
    text = column.type().is_string() or column.type().is_boolean()
    value = column.cast("string").strip().nullif("") if text else column
    counted = labelled.select(value=value, later="later").group_by("value")
    counts = counted.aggregate(n=lambda table: table.count(), some=lambda table: table.later.sum()).to_pandas()
    counts = counts.assign(none=counts["n"] - counts["some"])
    n = int(counts["n"].sum())
    missing = counts["value"].isna()
    filled = counts[~missing]
    right_of_missing = int(counts.loc[missing, ["some", "none"]].max(axis=1).sum())
    by_presence = right_of_missing + int(max(filled["some"].sum(), filled["none"].sum()))
    if text:
        by_value = (
            right_of_missing + int(filled[["some", "none"]].max(axis=1).sum()) if len(filled) <= MOST_VALUES else 0
        )
        return max(by_value, by_presence) / n
    return max(right_of_missing + _best_threshold(filled), by_presence) / n


def _best_threshold(counts: pd.DataFrame) -> int:
    """Count the customers predicted correctly by the best single threshold of a number."""
    if counts.empty:
        return 0
    ordered = counts.sort_values("value")
    some, none = ordered["some"].cumsum(), ordered["none"].cumsum()
    below_none = none + (some.iloc[-1] - some)  # up to here none, above some
    below_some = some + (none.iloc[-1] - none)
    return int(max(below_none.max(), below_some.max(), some.iloc[-1], none.iloc[-1]))
