"""One row per customer and tag: the value with its evidence, since when it holds and until when."""

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
    """Turn the columns of tags into rows.

    Parameters
    ----------
    tagged : ibis.Table
        As ``compile_tags`` gives it.
    plan : Plan
    as_of : date
    cuts : mapping of str to sequence of float
        Cut points, written beside the figure.
    before : ibis.Table, optional
        The table of the last run. A value that has not changed keeps its ``since``; rows dated after ``as_of`` are
        passed over.

    Returns
    -------
    ibis.Table
        customer_id, tag, item, value, since, as_of, expires_at (null where it does not age), evidence, version; no row
        where the value is unknown, but for tags that keep their last.
    """
    rows = [_row(tagged, tag, cuts.get(tag.id, ())) for tag in plan.tags] or [_NO_ROW]
    long = tagged.select("customer_id", row=ibis.array(rows).unnest())
    long = long.select("customer_id", **{name: long.row[name] for name in ("tag", "value", "evidence")})
    long = long.filter(long["value"].notnull())
    about = ibis.memtable([_about(tag, as_of) for tag in plan.tags], schema=_ABOUT)
    long = long.inner_join(about, "tag").mutate(as_of=ibis.literal(as_of), since=ibis.literal(as_of))
    long = long.select(*COLUMNS)
    return keep_last(long, tagged, before, plan.tags, as_of=as_of) if before is not None else long


def keep_last(long: ir.Table, tagged: ir.Table, before: ir.Table, tags: Sequence[Tag], *, as_of: date) -> ir.Table:
    """Carry over from the last run: since when an unchanged value holds, and the last value of tags that keep it."""
    past = _earlier(before, as_of).select(_customer="customer_id", _tag="tag", _value="value", _since="since")
    joined = long.left_join(past, [long.customer_id == past["_customer"], long["tag"] == past["_tag"]])
    same = joined["_value"] == joined["value"]
    since = ibis.ifelse(same.fill_null(False), joined["_since"], joined.since)
    current = joined.mutate(since=since).select(*COLUMNS)
    lost = _lost(tagged, before, tags, as_of=as_of)
    return current if lost is None else current.union(lost)


def to_portraits(tagged: ir.Table, tags: Sequence[Tag], *, as_of: date, before: ir.Table | None = None) -> ir.Table:
    """Give one row per customer and one column per tag, for selection; what has expired is left out.

    Parameters
    ----------
    tagged : ibis.Table
        As ``compile_tags`` gives it.
    tags : sequence of Tag
        The tags of the registry that are computed.
    as_of : date
    before : ibis.Table, optional
        The table ``tags`` of the last run, for the values that are kept from it.

    Returns
    -------
    ibis.Table
        customer_id, as_of, then every tag under its id (text, null where unknown).
    """
    made = {tag.id: tagged[f"{TAG}{tag.id}"] for tag in tags if f"{TAG}{tag.id}" in tagged.columns}
    wide = tagged.select("customer_id", as_of=ibis.literal(as_of), **made)
    lost = _lost(tagged, before, [tag for tag in tags if tag.id in made], as_of=as_of) if before is not None else None
    if lost is None:
        return wide
    living = lost.filter(lost.expires_at.isnull() | (lost.expires_at > as_of))
    kept = [tag.id for tag in _keeping(tags) if tag.id in made]
    last = living.group_by("customer_id").aggregate(
        **{f"_{name}": living["value"].max(where=living["tag"] == name) for name in kept}
    )
    joined = wide.left_join(last, "customer_id").drop("customer_id_right")
    filled = {name: joined[name].coalesce(joined[f"_{name}"]) for name in kept}
    return joined.mutate(**filled).drop(*(f"_{name}" for name in kept))


def _keeping(tags: Sequence[Tag]) -> list[Tag]:
    """List the tags whose last value is kept; one that needs consent is not, since that may have been withdrawn."""
    return [tag for tag in tags if tag.on_null == "keep_last" and not tag.consent]


def _earlier(before: ir.Table, as_of: date) -> ir.Table:
    dates = {name: before[name].cast("date") for name in ("since", "as_of", "expires_at")}
    return before.mutate(**dates).filter(before["as_of"].cast("date") <= as_of)


def _lost(tagged: ir.Table, before: ir.Table, tags: Sequence[Tag], *, as_of: date) -> ir.Table | None:
    """Find the last values that are kept: of customers who are still there and may be tagged, and now have none."""
    keeping = _keeping(tags)
    if not keeping:
        return None
    earlier = _earlier(before, as_of)
    earlier = earlier.filter(earlier["tag"].isin([tag.id for tag in keeping]))
    now = tagged.filter(tagged[VISIBLE]).select("customer_id", *(f"{TAG}{tag.id}" for tag in keeping))
    joined = earlier.inner_join(now, "customer_id")
    unknown = [(joined["tag"] == tag.id) & joined[f"{TAG}{tag.id}"].isnull() for tag in keeping]
    return joined.filter(ibis.or_(*unknown)).select(*COLUMNS)


def evidence_of(tag: Tag) -> list[str]:
    """Return the columns whose figures are written beside a tag's value."""
    return tag.evidence or columns_of_tag(tag)


_NO_ROW = ibis.struct({name: ibis.null("string") for name in ("tag", "value", "evidence")})
_ABOUT = {"tag": "string", "item": "string", "version": "int64", "expires_at": "date"}


def _about(tag: Tag, as_of: date) -> dict[str, object]:
    ages = tag.ttl_days is not None and as_of != UNDATED  # what carries no date does not age
    ends = date.fromordinal(as_of.toordinal() + tag.ttl_days) if ages else None
    return {"tag": tag.id, "item": tag.item, "version": tag.version, "expires_at": ends}


def _row(table: ir.Table, tag: Tag, cuts: Sequence[float]) -> ir.StructValue:
    parts = [_figure(table, name) for name in evidence_of(tag) if name in table.columns]
    parts += [ibis.literal(f"cuts={'/'.join(f'{cut:.6g}' for cut in cuts)}")] if cuts else []
    evidence = ibis.literal("; ").join(parts) if parts else ibis.literal("")
    return ibis.struct({"tag": ibis.literal(tag.id), "value": table[f"{TAG}{tag.id}"], "evidence": evidence})


def _figure(table: ir.Table, name: str) -> ir.StringValue:
    """Write name=figure; a missing figure is left out, since joining passes over nulls."""
    column = table[name]
    number = column.type().is_floating() or column.type().is_decimal()
    text = column.cast("float64").round(_DIGITS).cast("string") if number else column.cast("string")
    return ibis.literal(f"{name}=") + text
