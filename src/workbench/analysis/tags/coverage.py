"""How much of a portrait is known: coverage by item, what each missing source would unlock, values by tag."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.tags.columns import TAG
from workbench.core.tags.items import ITEMS

if TYPE_CHECKING:
    from workbench.analysis.tags.tagging import Tagged
    from workbench.core.tags.definition import Tag

__all__ = ["KNOWN", "OFF", "UNKNOWN", "count_items", "count_values", "missing_sources", "recount_values"]

KNOWN, UNKNOWN, OFF = "known", "unknown", "off"
_VALUE_COLUMNS = ["tag", "value", "customers", "share"]


def count_items(tagged: Tagged, tags: Iterable[Tag], portraits: ir.Table, *, present: Collection[str]) -> pd.DataFrame:
    """Say of every item of a portrait whether it is known, of how many customers, and what is lacking.

    Parameters
    ----------
    tagged : Tagged
    tags : iterable of Tag
        The whole registry.
    portraits : ibis.Table
        The table as it was written.
    present : collection of str
        Tables, and columns as table.column, that this profile has.

    Returns
    -------
    DataFrame
        item, group, status (known, unknown, off), tags (computed), customers (with at least one of them), share (0..1
        of all customers), both missing where it is not known of anybody; lacks (what it needs that is not there; empty
        where known).
    """
    by_item: dict[str, list[Tag]] = {name: [] for name in ITEMS}
    for tag in tags:
        by_item[tag.item].append(tag)
    made = {tag.id for tag in tagged.computed}
    counted = _customers_by_item(
        portraits, {name: [t.id for t in mine if t.id in made] for name, mine in by_item.items()}
    )
    total, off = counted.pop("", 0), {tag.id for tag in tagged.off}
    rows = []
    for name, item in ITEMS.items():
        mine, n = by_item[name], counted.get(name, 0)
        blocked = bool(mine) and all(tag.id in off for tag in mine)
        status = KNOWN if n else OFF if blocked else UNKNOWN
        lacks = "" if n else _lacks(name, mine, tagged, present)
        computed = sum(tag.id in made for tag in mine)
        told = (n, round(n / total, 6)) if n else (None, None)  # unknown is no zero
        rows.append((name, item.group, status, computed, *told, lacks))
    frame = pd.DataFrame(rows, columns=["item", "group", "status", "tags", "customers", "share", "lacks"])
    return frame.astype({"customers": "Int64", "share": "float64"})


def missing_sources(items: pd.DataFrame) -> pd.DataFrame:
    """Say what each missing source would unlock.

    Parameters
    ----------
    items : DataFrame
        As `count_items` gives it.

    Returns
    -------
    DataFrame
        source (a table, columns of a table, or either of several), items (a list of item ids), count; the most items
        first. An item that lacks two sources stands under both.
    """
    lacking: dict[str, list[str]] = {}
    for row in items[items["status"] == UNKNOWN].itertuples():
        for need in row.lacks.split(" + "):
            lacking.setdefault(need, []).append(row.item)
    found = [(source, names, len(names)) for source, names in lacking.items() if source]
    frame = pd.DataFrame(found, columns=["source", "items", "count"])
    return frame.sort_values(["count", "source"], ascending=[False, True], ignore_index=True)


def count_values(portraits: ir.Table, tags: Sequence[Tag]) -> pd.DataFrame:
    """Count the customers of every value of every tag in one pass.

    Returns
    -------
    DataFrame
        tag, value, customers, share (0..1 of the customers of whom the tag is known), in the order of the registry;
        values nobody has stand with 0. Open values are sorted by customers.
    """
    present = [tag for tag in tags if tag.id in portraits.columns]
    if not present:
        return pd.DataFrame(columns=_VALUE_COLUMNS)
    pairs = ibis.array([ibis.struct({"tag": ibis.literal(tag.id), "value": portraits[tag.id]}) for tag in present])
    rows = portraits.select(row=pairs.unnest())
    rows = rows.select(tag=rows.row["tag"], value=rows.row["value"])
    rows = rows.filter(rows["value"].notnull())
    counted = rows.group_by("tag", "value").aggregate(customers=rows.count()).to_pandas()
    return recount_values({(row.tag, row.value): int(row.customers) for row in counted.itertuples()}, present)


def recount_values(counts: Mapping[tuple[str, str], int], tags: Sequence[Tag]) -> pd.DataFrame:
    """Order counts by tag and value as the registry does."""
    rows = []
    for tag in tags:
        mine = {value: n for (name, value), n in counts.items() if name == tag.id}
        order = [*tag.values, *sorted(set(mine) - set(tag.values), key=lambda value: (-mine[value], value))]  # noqa: B023
        total = sum(mine.values())
        rows += [
            (tag.id, value, mine.get(value, 0), round(mine.get(value, 0) / total, 6) if total else 0.0)
            for value in order
        ]
    return pd.DataFrame(rows, columns=_VALUE_COLUMNS)


def _customers_by_item(portraits: ir.Table, ids: Mapping[str, list[str]]) -> dict[str, int]:
    """Count customers with one of the tags of each item; all customers under the empty name."""
    known = {
        name: ibis.or_(*[portraits[each].notnull() for each in mine]).cast("int64").sum()
        for name, mine in ids.items()
        if mine
    }
    row = portraits.aggregate(**{f"n_{name}": total for name, total in known.items()}, all=portraits.count())
    found = row.to_pyarrow().to_pylist()[0]
    return {"": int(found.pop("all")), **{name.removeprefix("n_"): int(n or 0) for name, n in found.items()}}


def _lacks(item: str, tags: Sequence[Tag], tagged: Tagged, present: Collection[str]) -> str:
    """Name what the source lacks; where all is there, what the tags lack beyond it."""
    lacking = ITEMS[item].lacks(present)
    if lacking:
        return " + ".join(need.replace("|", " or ") for need in lacking)
    for tag in tags:
        if tag.id in tagged.plan.short:
            return f"{tagged.plan.short[tag.id]} days of data"
        groups = tagged.plan.absent.get(tag.id, ())
        if groups:
            return " + ".join(dict.fromkeys(_asked(group, tagged) for group in groups))
    return "values in " + " + ".join(need.replace("|", " or ") for need in ITEMS[item].needs)


def _asked(group: str, tagged: Tagged) -> str:
    """Say what a group of columns is made of."""
    names = [
        f"{name.removeprefix(TAG)}" if name.startswith(TAG) else tagged.columns[name].needs for name in group.split("|")
    ]
    return " or ".join(dict.fromkeys(names))
