"""Notes on each segment for product and service teams: complaints, returns, ratings and wishes."""

from __future__ import annotations

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

__all__ = ["EVERYBODY", "NOTED", "group_of", "note_segments"]

# tag -> the values to report; None for all values
NOTED: dict[str, tuple[str, ...] | None] = {
    "complaints": ("open", "several", "once"),
    "complaint_topic": None,
    "returns_habit": ("some", "often"),
    "service_satisfaction": ("unsatisfied",),
    "product_satisfaction": ("unsatisfied",),
    "product_opinion": None,
    "churn_reason": None,
    "nps_class": ("detractor",),
}
EVERYBODY = "everybody"  # used as segment for all customers together
_GROUPS = ("segment", "life_cycle")
_COLUMNS = ["segment", "tag", "value", "customers", "known", "share", "base_share", "tgi"]
_MOST = 3


def group_of(portraits: ir.Table) -> str | None:
    """Return the tag for grouping customers: the segment, else the life-cycle stage; None without either."""
    return next((name for name in _GROUPS if name in portraits.columns), None)


def note_segments(portraits: ir.Table, *, least: int) -> pd.DataFrame:
    """Count complaints, returns and wishes by segment.

    Parameters
    ----------
    portraits : ibis.Table
        One row per customer, one column per tag.
    least : int
        Fewest customers of a row.

    Returns
    -------
    DataFrame
        segment, tag, value, customers, known (customers of the segment with the tag), share (of these, 0..1),
        base_share (of all customers with the tag), tgi (100 times the ratio of the shares). The three values with the
        most customers per segment and tag; all customers (`EVERYBODY`) come first, and are the only group if there
        is only one segment. Empty without such tags.
    """
    by = group_of(portraits)
    tags = [name for name in NOTED if name in portraits.columns]
    if by is None or not tags:
        return pd.DataFrame(columns=_COLUMNS)
    counts = _counts(portraits, by, tags)
    if counts.empty:
        return pd.DataFrame(columns=_COLUMNS)
    all_counts = counts.groupby(["tag", "value"], as_index=False)["customers"].sum().assign(segment=EVERYBODY)
    has_several = counts["segment"].nunique() > 1
    counts = pd.concat([counts, all_counts], ignore_index=True) if has_several else all_counts
    known_counts = counts.groupby(["segment", "tag"])["customers"].sum().rename("known")
    base = all_counts.set_index(["tag", "value"])["customers"]
    base_share = (base / base.groupby("tag").transform("sum")).rename("base_share")
    notes = counts.join(known_counts, on=["segment", "tag"]).join(base_share, on=["tag", "value"])
    is_noted = np.array([_is_noted(row.tag, row.value) for row in notes.itertuples()], dtype=bool)
    notes = notes[is_noted & (notes["customers"] >= least) & notes["segment"].notna()]
    notes = notes.assign(share=(notes["customers"] / notes["known"]).round(6), base_share=notes["base_share"].round(6))
    notes = notes.assign(tgi=(100 * notes["share"] / notes["base_share"]).round(2))
    order = notes.assign(place=notes["tag"].map(tags.index), is_segment=notes["segment"] != EVERYBODY).sort_values(
        ["is_segment", "segment", "place", "customers", "value"], ascending=[True, True, True, False, True]
    )
    return order.groupby(["segment", "tag"], sort=False).head(_MOST)[_COLUMNS].reset_index(drop=True)


def _counts(portraits: ir.Table, by: str, tags: Iterable[str]) -> pd.DataFrame:
    pairs = ibis.array([ibis.struct({"tag": ibis.literal(name), "value": portraits[name]}) for name in tags])
    rows = portraits.select(segment=portraits[by], row=pairs.unnest())
    rows = rows.select("segment", tag=rows.row["tag"], value=rows.row["value"])
    rows = rows.filter(rows["value"].notnull())
    return rows.group_by("segment", "tag", "value").aggregate(customers=rows.count()).to_pandas()


def _is_noted(tag: str, value: str) -> bool:
    values = NOTED[tag]
    return values is None or value in values
