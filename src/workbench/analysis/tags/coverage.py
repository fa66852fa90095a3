"""Coverage of the portrait: known items, items that missing sources would add, and values by tag."""

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
    """Return the status of every portrait item, its number of customers, and its missing sources.

    Parameters
    ----------
    tagged : Tagged
    tags : iterable of Tag
        All tags of the registry.
    portraits : ibis.Table
        The table ``portraits``.
    present : collection of str
        Tables, and columns as table.column, that this profile has.

    Returns
    -------
    DataFrame
        item, group, status (known, unknown, off), tags (computed), customers (with at least one of the tags), share
        (0..1 of all customers), both missing if no customer has the item; lacks (missing sources; empty if known).
    """
    by_item: dict[str, list[Tag]] = {name: [] for name in ITEMS}
    for tag in tags:
        by_item[tag.item].append(tag)
    computed_ids = {tag.id for tag in tagged.computed}
    customers_by_item = _customers_by_item(
        portraits, {name: [t.id for t in item_tags if t.id in computed_ids] for name, item_tags in by_item.items()}
    )
    total, off = customers_by_item.pop("", 0), {tag.id for tag in tagged.off}
    rows = []
    for name, item in ITEMS.items():
        item_tags, n = by_item[name], customers_by_item.get(name, 0)
        is_off = bool(item_tags) and all(tag.id in off for tag in item_tags)
        status = KNOWN if n else OFF if is_off else UNKNOWN
        lacks = "" if n else _describe_missing(name, item_tags, tagged, present)
        computed = sum(tag.id in computed_ids for tag in item_tags)
        figures = (n, round(n / total, 6)) if n else (None, None)  # unknown is not 0
        rows.append((name, item.group, status, computed, *figures, lacks))
    frame = pd.DataFrame(rows, columns=["item", "group", "status", "tags", "customers", "share", "lacks"])
    return frame.astype({"customers": "Int64", "share": "float64"})


def missing_sources(items: pd.DataFrame) -> pd.DataFrame:
    """List the items that each missing source would add.

    Parameters
    ----------
    items : DataFrame
        From `count_items`.

    Returns
    -------
    DataFrame
        source (a table, columns of a table, or one of several alternatives), items (a list of item ids), count; the
        source with the most items first. An item with two missing sources is listed under both.
    """
    items_by_source: dict[str, list[str]] = {}
    for row in items[items["status"] == UNKNOWN].itertuples():
        for need in row.lacks.split(" + "):
            items_by_source.setdefault(need, []).append(row.item)
    rows = [(source, names, len(names)) for source, names in items_by_source.items() if source]
    frame = pd.DataFrame(rows, columns=["source", "items", "count"])
    return frame.sort_values(["count", "source"], ascending=[False, True], ignore_index=True)


def count_values(portraits: ir.Table, tags: Sequence[Tag]) -> pd.DataFrame:
    """Count the customers of every value of every tag in one pass.

    Returns
    -------
    DataFrame
        tag, value, customers, share (0..1 of the customers with the tag), in the order of the registry; declared
        values without customers have 0. Undeclared values are sorted by customers.
    """
    present = [tag for tag in tags if tag.id in portraits.columns]
    if not present:
        return pd.DataFrame(columns=_VALUE_COLUMNS)
    pairs = ibis.array([ibis.struct({"tag": ibis.literal(tag.id), "value": portraits[tag.id]}) for tag in present])
    rows = portraits.select(row=pairs.unnest())
    rows = rows.select(tag=rows.row["tag"], value=rows.row["value"])
    rows = rows.filter(rows["value"].notnull())
    counts = rows.group_by("tag", "value").aggregate(customers=rows.count()).to_pandas()
    return recount_values({(row.tag, row.value): int(row.customers) for row in counts.itertuples()}, present)


def recount_values(counts: Mapping[tuple[str, str], int], tags: Sequence[Tag]) -> pd.DataFrame:
    """Sort counts by tag and value in the order of the registry."""
    rows = []
    for tag in tags:
        counts_of_tag = {value: n for (name, value), n in counts.items() if name == tag.id}
        order = [
            *tag.values,
            *sorted(set(counts_of_tag) - set(tag.values), key=lambda value: (-counts_of_tag[value], value)),
        ]  # noqa: B023
        total = sum(counts_of_tag.values())
        rows += [
            (
                tag.id,
                value,
                counts_of_tag.get(value, 0),
                round(counts_of_tag.get(value, 0) / total, 6) if total else 0.0,
            )
            for value in order
        ]
    return pd.DataFrame(rows, columns=_VALUE_COLUMNS)


def _customers_by_item(portraits: ir.Table, ids: Mapping[str, list[str]]) -> dict[str, int]:
    """Count the customers with any tag of each item; the key "" has the number of all customers."""
    has_item = {
        name: ibis.or_(*[portraits[tag].notnull() for tag in tag_ids]).cast("int64").sum()
        for name, tag_ids in ids.items()
        if tag_ids
    }
    row = portraits.aggregate(**{f"n_{name}": total for name, total in has_item.items()}, all=portraits.count())
    counts = row.to_pyarrow().to_pylist()[0]
    return {"": int(counts.pop("all")), **{name.removeprefix("n_"): int(n or 0) for name, n in counts.items()}}


def _describe_missing(item: str, tags: Sequence[Tag], tagged: Tagged, present: Collection[str]) -> str:
    """Describe the missing sources of an item or, if no source is missing, the data its tags lack."""
    missing = ITEMS[item].lacks(present)
    if missing:
        return " + ".join(need.replace("|", " or ") for need in missing)
    for tag in tags:
        if tag.id in tagged.plan.short:
            return f"{tagged.plan.short[tag.id]} days of data"
        groups = tagged.plan.absent.get(tag.id, ())
        if groups:
            return " + ".join(dict.fromkeys(_sources_of(group, tagged) for group in groups))
    return "values in " + " + ".join(need.replace("|", " or ") for need in ITEMS[item].needs)


def _sources_of(group: str, tagged: Tagged) -> str:
    """Describe the sources of a group of columns."""
    names = [
        f"{name.removeprefix(TAG)}" if name.startswith(TAG) else tagged.columns[name].needs for name in group.split("|")
    ]
    return " or ".join(dict.fromkeys(names))
