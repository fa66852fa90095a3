"""The kinds of segments that ship as rules: which of them a base can have, how large each is, how any two cross."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.portraits.crosses import cross_tags
from workbench.analysis.portraits.groups import group_sizes
from workbench.analysis.segments.definition import SegmentDefinition, assign

__all__ = ["KIND_COLUMNS", "apply_kinds", "cross_kinds", "side_by_side", "size_kinds"]

KIND_COLUMNS = ("kind", "segment", "n", "share", "low", "high", "value_share", "dominated", "suppressed")


def apply_kinds(known: pd.DataFrame, definitions: Sequence[SegmentDefinition]) -> pd.DataFrame:
    """Place every customer under each definition whose columns exist.

    Parameters
    ----------
    known : DataFrame, one row per customer
        customer_id and variables: features, and scores joined to them.
    definitions : sequence of SegmentDefinition

    Returns
    -------
    DataFrame
        customer_id, sorted, and one column per definition that could be applied, by its name: the segment's key. A
        definition one of whose columns is absent is left out.
    """
    table = known[["customer_id"]].sort_values("customer_id", ignore_index=True)
    for definition in definitions:
        if set(definition.columns) <= set(known.columns):
            placed = assign(definition, known)[["customer_id", "segment"]]
            table = table.merge(placed.rename(columns={"segment": definition.name}), on="customer_id", how="left")
    return table


def size_kinds(
    known: pd.DataFrame,
    applied: pd.DataFrame,
    definitions: Sequence[SegmentDefinition],
    *,
    least: int = SMALL_CELL,
) -> pd.DataFrame:
    """Count the customers and the share of value of each segment of each kind.

    Parameters
    ----------
    known : DataFrame, one row per customer
        customer_id and, where it exists, monetary_total.
    applied : DataFrame
        From `apply_kinds`.
    definitions : sequence of SegmentDefinition
        Those applied, and others.
    least : int
        As for `workbench.analysis.portraits.groups.group_sizes`.

    Returns
    -------
    DataFrame, `KIND_COLUMNS`
        One row per kind and segment, in the order declared.
    """
    blocks = [
        group_sizes(known, applied[["customer_id", each.name]].rename(columns={each.name: "group"}),
                    keys=[segment.key for segment in each.segments], least=least)
        .rename(columns={"group": "segment"}).assign(kind=each.name)
        for each in definitions if each.name in applied
    ]  # fmt: skip
    table = pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=list(KIND_COLUMNS))
    return table[list(KIND_COLUMNS)]


def side_by_side(first: pd.DataFrame, *others: pd.DataFrame | None) -> pd.DataFrame:
    """Return the columns of tables of one row per customer side by side; a column of two tables is the first's.

    Parameters
    ----------
    first : DataFrame
        Its customers are kept, in its order.
    *others : DataFrame or None
        None adds nothing.
    """
    for other in others:
        if other is not None:
            fresh = [name for name in other.columns if name not in first.columns or name == "customer_id"]
            first = first.merge(other[fresh], on="customer_id", how="left", validate="one_to_one")
    return first


def cross_kinds(applied: pd.DataFrame, first: str, second: str, *, least: int = SMALL_CELL) -> pd.DataFrame:
    """Cross two kinds; small cells and what would give them away are suppressed (`cross_tags`)."""
    return cross_tags(applied, first, second, least=least)
