"""What should product and service teams know of each segment? Complaints, returns, ratings and wishes."""

from __future__ import annotations

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

__all__ = ["EVERYBODY", "NOTED", "group_of", "note_segments"]

# tag -> the values worth telling; None where every value is one
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
EVERYBODY = "everybody"  # stands in the place of a segment for all customers together
_GROUPS = ("segment", "life_cycle")
_COLUMNS = ["segment", "tag", "value", "customers", "known", "share", "base_share", "tgi"]
_MOST = 3


def group_of(portraits: ir.Table) -> str | None:
    """Return the tag customers are grouped by: the segment, else the life-cycle stage; None without either."""
    return next((name for name in _GROUPS if name in portraits.columns), None)


def note_segments(portraits: ir.Table, *, least: int) -> pd.DataFrame:
    """Count what was complained about, sent back and wished for, by segment.

    Parameters
    ----------
    portraits : ibis.Table
        One row per customer, one column per tag.
    least : int
        Customers under which a cell is not told.

    Returns
    -------
    DataFrame
        segment, tag, value, customers, known (customers of the segment of whom the tag is known), share (of these,
        0..1), base_share (of all customers of whom it is known), tgi (100 times the ratio; 100 is as everybody). The
        three values with the most customers per segment and tag, all customers (``everybody``) first, and alone where
        there is one segment; empty where no such tag is known.
    """
    by = group_of(portraits)
    tags = [name for name in NOTED if name in portraits.columns]
    if by is None or not tags:
        return pd.DataFrame(columns=_COLUMNS)
    counted = _counts(portraits, by, tags)
    if counted.empty:
        return pd.DataFrame(columns=_COLUMNS)
    everybody = counted.groupby(["tag", "value"], as_index=False)["customers"].sum().assign(segment=EVERYBODY)
    several = counted["segment"].nunique() > 1
    counted = pd.concat([counted, everybody], ignore_index=True) if several else everybody
    known = counted.groupby(["segment", "tag"])["customers"].sum().rename("known")
    base = everybody.set_index(["tag", "value"])["customers"]
    base_share = (base / base.groupby("tag").transform("sum")).rename("base_share")
    told = counted.join(known, on=["segment", "tag"]).join(base_share, on=["tag", "value"])
    noted = np.array([_is_noted(row.tag, row.value) for row in told.itertuples()], dtype=bool)
    told = told[noted & (told["customers"] >= least) & told["segment"].notna()]
    told = told.assign(share=(told["customers"] / told["known"]).round(6), base_share=told["base_share"].round(6))
    told = told.assign(tgi=(100 * told["share"] / told["base_share"]).round(2))
    order = told.assign(at=told["tag"].map(tags.index), rest=told["segment"] != EVERYBODY).sort_values(
        ["rest", "segment", "at", "customers", "value"], ascending=[True, True, True, False, True]
    )
    return order.groupby(["segment", "tag"], sort=False).head(_MOST)[_COLUMNS].reset_index(drop=True)


def _counts(portraits: ir.Table, by: str, tags: Iterable[str]) -> pd.DataFrame:
    pairs = ibis.array([ibis.struct({"tag": ibis.literal(name), "value": portraits[name]}) for name in tags])
    rows = portraits.select(segment=portraits[by], row=pairs.unnest())
    rows = rows.select("segment", tag=rows.row["tag"], value=rows.row["value"])
    rows = rows.filter(rows["value"].notnull())
    return rows.group_by("segment", "tag", "value").aggregate(customers=rows.count()).to_pandas()


def _is_noted(tag: str, value: str) -> bool:
    wanted = NOTED[tag]
    return wanted is None or value in wanted
