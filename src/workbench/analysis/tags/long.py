"""The table ``tags``: one row per customer and tag, with value, evidence, start and expiry date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from workbench.analysis.tags.columns import TAG
from workbench.analysis.tags.compiling import VISIBLE, Plan, columns_of_tag
from workbench.core.schema import UNDATED

if TYPE_CHECKING:
    from workbench.core.tags.definition import Tag

__all__ = ["COLUMNS", "evidence_of", "keep_last", "lengthen", "to_portraits"]

COLUMNS = ("customer_id", "tag", "item", "value", "since", "as_of", "expires_at", "evidence", "version")
_DIGITS = 4


def lengthen(
    tagged: ir.Table,
    plan: Plan,
    *,
    as_of: date,
    cuts: Mapping[str, Sequence[float]],
    before: ir.Table | None = None,
) -> ir.Table:
    """Turn tag columns into one row per customer and tag.

    Parameters
    ----------
    tagged : ibis.Table
        From ``compile_tags``.
    plan : Plan
    as_of : date
    cuts : mapping of str to sequence of float
        Cut points, part of the evidence.
    before : ibis.Table, optional
        The table ``tags`` of the last run. An unchanged value keeps its ``since``; rows dated after ``as_of`` are
        ignored.

    Returns
    -------
    ibis.Table
        customer_id, tag, item, value, since, as_of, expires_at (null without expiry), evidence, version; no row where
        the value is unknown, except for tags that keep their last value.
    """
    rows = [_row(tagged, tag, cuts.get(tag.id, ())) for tag in plan.tags] or [_NO_ROW]
    long = tagged.select("customer_id", row=ibis.array(rows).unnest())
    long = long.select("customer_id", **{name: long.row[name] for name in ("tag", "value", "evidence")})
    long = long.filter(long["value"].notnull())
    tag_columns = ibis.memtable([_tag_row(tag, as_of) for tag in plan.tags], schema=_TAG_SCHEMA)
    long = long.inner_join(tag_columns, "tag").mutate(as_of=ibis.literal(as_of), since=ibis.literal(as_of))
    long = long.select(*COLUMNS)
    return keep_last(long, tagged, before, plan.tags, as_of=as_of) if before is not None else long


def keep_last(long: ir.Table, tagged: ir.Table, before: ir.Table, tags: Sequence[Tag], *, as_of: date) -> ir.Table:
    """Carry over from the last run ``since`` of unchanged values, and the values of tags that keep their last value."""
    earlier = _earlier(before, as_of).select(_customer="customer_id", _tag="tag", _value="value", _since="since")
    joined = long.left_join(earlier, [long.customer_id == earlier["_customer"], long["tag"] == earlier["_tag"]])
    is_same = joined["_value"] == joined["value"]
    since = ibis.ifelse(is_same.fill_null(False), joined["_since"], joined.since)
    current = joined.mutate(since=since).select(*COLUMNS)
    lost = _lost(tagged, before, tags, as_of=as_of)
    return current if lost is None else current.union(lost)


def to_portraits(tagged: ir.Table, tags: Sequence[Tag], *, as_of: date, before: ir.Table | None = None) -> ir.Table:
    """Return one row per customer and one column per tag, for selection; expired values are left out.

    Parameters
    ----------
    tagged : ibis.Table
        From ``compile_tags``.
    tags : sequence of Tag
        The computed tags of the registry.
    as_of : date
    before : ibis.Table, optional
        The table ``tags`` of the last run, for tags that keep their last value.

    Returns
    -------
    ibis.Table
        customer_id, as_of, then one column per tag id (text, null where unknown).
    """
    tag_columns = {tag.id: tagged[f"{TAG}{tag.id}"] for tag in tags if f"{TAG}{tag.id}" in tagged.columns}
    wide = tagged.select("customer_id", as_of=ibis.literal(as_of), **tag_columns)
    lost = (
        _lost(tagged, before, [tag for tag in tags if tag.id in tag_columns], as_of=as_of)
        if before is not None
        else None
    )
    if lost is None:
        return wide
    current = lost.filter(lost.expires_at.isnull() | (lost.expires_at > as_of))
    keeping_ids = [tag.id for tag in _keeping(tags) if tag.id in tag_columns]
    last = current.group_by("customer_id").aggregate(
        **{f"_{name}": current["value"].max(where=current["tag"] == name) for name in keeping_ids}
    )
    joined = wide.left_join(last, "customer_id").drop("customer_id_right")
    filled = {name: joined[name].coalesce(joined[f"_{name}"]) for name in keeping_ids}
    return joined.mutate(**filled).drop(*(f"_{name}" for name in keeping_ids))


def _keeping(tags: Sequence[Tag]) -> list[Tag]:
    """List the tags that keep their last value; tags that need consent do not, since it may have been withdrawn."""
    return [tag for tag in tags if tag.on_null == "keep_last" and not tag.consent]


def _earlier(before: ir.Table, as_of: date) -> ir.Table:
    dates = {name: before[name].cast("date") for name in ("since", "as_of", "expires_at")}
    return before.mutate(**dates).filter(before["as_of"].cast("date") <= as_of)


def _lost(tagged: ir.Table, before: ir.Table, tags: Sequence[Tag], *, as_of: date) -> ir.Table | None:
    """Return last values for tags that keep them, of current and visible customers who have no value now."""
    keeping = _keeping(tags)
    if not keeping:
        return None
    earlier = _earlier(before, as_of)
    earlier = earlier.filter(earlier["tag"].isin([tag.id for tag in keeping]))
    visible = tagged.filter(tagged[VISIBLE]).select("customer_id", *(f"{TAG}{tag.id}" for tag in keeping))
    joined = earlier.inner_join(visible, "customer_id")
    unknown = [(joined["tag"] == tag.id) & joined[f"{TAG}{tag.id}"].isnull() for tag in keeping]
    return joined.filter(ibis.or_(*unknown)).select(*COLUMNS)


def evidence_of(tag: Tag) -> list[str]:
    """Return the columns in the evidence of a tag."""
    return tag.evidence or columns_of_tag(tag)


_NO_ROW = ibis.struct({name: ibis.null("string") for name in ("tag", "value", "evidence")})
_TAG_SCHEMA = {"tag": "string", "item": "string", "version": "int64", "expires_at": "date"}


def _tag_row(tag: Tag, as_of: date) -> dict[str, object]:
    expires = None
    if tag.ttl_days is not None and as_of != UNDATED:  # in undated runs tags do not expire
        expires = date.fromordinal(as_of.toordinal() + tag.ttl_days)
    return {"tag": tag.id, "item": tag.item, "version": tag.version, "expires_at": expires}


def _row(table: ir.Table, tag: Tag, cuts: Sequence[float]) -> ir.StructValue:
    parts = [_figure(table, name) for name in evidence_of(tag) if name in table.columns]
    parts += [ibis.literal(f"cuts={'/'.join(f'{cut:.6g}' for cut in cuts)}")] if cuts else []
    evidence = ibis.literal("; ").join(parts) if parts else ibis.literal("")
    return ibis.struct({"tag": ibis.literal(tag.id), "value": table[f"{TAG}{tag.id}"], "evidence": evidence})


def _figure(table: ir.Table, name: str) -> ir.StringValue:
    """Return ``name=figure``; a missing figure is left out, since joining skips nulls."""
    column = table[name]
    is_decimal = column.type().is_floating() or column.type().is_decimal()
    text = column.cast("float64").round(_DIGITS).cast("string") if is_decimal else column.cast("string")
    return ibis.literal(f"{name}=") + text
