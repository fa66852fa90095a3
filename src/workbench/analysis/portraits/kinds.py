"""The segmentations supplied as rules: which apply to the data, their sizes, and their cross tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.portraits.crosses import cross_tags
from workbench.analysis.portraits.groups import group_sizes
from workbench.analysis.segments.definition import SegmentDefinition, assign

__all__ = ["KIND_COLUMNS", "apply_kinds", "cross_kinds", "side_by_side", "size_kinds"]

KIND_COLUMNS = ("kind", "segment", "n", "share", "low", "high", "value_share", "dominated", "suppressed")


def apply_kinds(features: pd.DataFrame, definitions: Sequence[SegmentDefinition]) -> pd.DataFrame:
    """Assign every customer by each definition whose columns exist.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and variables: features with joined scores.
    definitions : sequence of SegmentDefinition

    Returns
    -------
    DataFrame
        customer_id, sorted, and one column per definition, named after it, with the segment key. Definitions with a
        missing column are left out.
    """
    table = features[["customer_id"]].sort_values("customer_id", ignore_index=True)
    for definition in definitions:
        if set(definition.columns) <= set(features.columns):
            segments = assign(definition, features)[["customer_id", "segment"]]
            table = table.merge(segments.rename(columns={"segment": definition.name}), on="customer_id", how="left")
    return table


def size_kinds(
    features: pd.DataFrame,
    applied: pd.DataFrame,
    definitions: Sequence[SegmentDefinition],
    *,
    least: int = SMALL_CELL,
) -> pd.DataFrame:
    """Return customers and value share of each segment of each segmentation.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and, where present, monetary_total.
    applied : DataFrame
        From `apply_kinds`.
    definitions : sequence of SegmentDefinition
        The applied definitions; others are ignored.
    least : int
        As for `workbench.analysis.portraits.groups.group_sizes`.

    Returns
    -------
    DataFrame, `KIND_COLUMNS`
        One row per segmentation and segment, in declared order.
    """
    blocks = [
        group_sizes(features, applied[["customer_id", definition.name]].rename(columns={definition.name: "group"}),
                    keys=[segment.key for segment in definition.segments], least=least)
        .rename(columns={"group": "segment"}).assign(kind=definition.name)
        for definition in definitions if definition.name in applied
    ]  # fmt: skip
    table = pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=list(KIND_COLUMNS))
    return table[list(KIND_COLUMNS)]


def side_by_side(first: pd.DataFrame, *others: pd.DataFrame | None) -> pd.DataFrame:
    """Join tables with one row per customer; of columns with the same name, the first table's is used.

    Parameters
    ----------
    first : DataFrame
        Defines the customers and their order.
    *others : DataFrame or None
        None is ignored.
    """
    for other in others:
        if other is not None:
            new_columns = [name for name in other.columns if name not in first.columns or name == "customer_id"]
            first = first.merge(other[new_columns], on="customer_id", how="left", validate="one_to_one")
    return first


def cross_kinds(applied: pd.DataFrame, first: str, second: str, *, least: int = SMALL_CELL) -> pd.DataFrame:
    """Cross-tabulate two segmentations, with small cells suppressed (`cross_tags`)."""
    return cross_tags(applied, first, second, least=least)
