"""The complete portrait of groups: sizes, differences from the base, typical week and journey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.portraits.groups import group_sizes, portray_groups
from workbench.analysis.portraits.journeys import JOURNEY_COLUMNS, journey_times, summarise_journeys
from workbench.analysis.portraits.purchases import count_buyers, typical_week
from workbench.analysis.segments.definition import UNKNOWN

__all__ = ["GroupStudy", "study_groups"]


@dataclass(frozen=True)
class GroupStudy:
    """The portraits of groups that partition a base.

    Attributes
    ----------
    sizes : DataFrame
        `workbench.analysis.portraits.groups.group_sizes`.
    portrait : DataFrame
        `workbench.analysis.portraits.groups.portray_groups`.
    week : DataFrame
        `workbench.analysis.portraits.purchases.typical_week`.
    journey : DataFrame
        `workbench.analysis.portraits.journeys.summarise_journeys`.
    """

    sizes: pd.DataFrame
    portrait: pd.DataFrame
    week: pd.DataFrame
    journey: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(JOURNEY_COLUMNS)))


def study_groups(
    features: pd.DataFrame,
    groups: pd.DataFrame,
    tables: Mapping[str, ir.Table],
    *,
    scores: Sequence[pd.DataFrame | None] = (),
    as_of: date,
    by: str = "group",
    keys: Sequence[str] | None = None,
    event_types: Mapping[str, Sequence[str]] | None = None,
    top_values: int = 12,
    least: int = SMALL_CELL,
) -> GroupStudy:
    """Compute the portrait of each group of a partition: segments, values of a tag, or an audience and its rest.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and the variables.
    groups : DataFrame
        customer_id and the column ``by``. Customers with the value ``unknown`` are excluded, also from the
        base.
    tables : mapping of str to ibis.Table
        transactions and products, where present; events, campaigns, reviews and service for the journey.
    scores : sequence of DataFrame or None
        Further tables with one row per customer (RFM, churn, tags); their columns are variables too, except names that
        features already has.
    as_of : date
    by : str
        The column of ``groups`` that names the group.
    keys : sequence of str, optional
        Groups in the order of the result.
    event_types : mapping, optional
        As for `workbench.analysis.portraits.journeys.journey_times`.
    top_values : int
        Most values of a category.
    least : int
        Cells of fewer customers are suppressed, with further cells to prevent recovery by subtraction.
    """
    variables, groups = features, groups[["customer_id", by]].rename(columns={by: "group"})
    groups = groups[groups["group"] != UNKNOWN.key].reset_index(drop=True)
    keys = None if keys is None else [key for key in keys if key != UNKNOWN.key]
    for table in scores:
        if table is not None:
            new_columns = ["customer_id", *(name for name in table.columns if name not in variables.columns)]
            variables = variables.merge(table[new_columns], on="customer_id", how="left")
    orders = tables.get("transactions")
    buyers = count_buyers(orders, groups, as_of=as_of, products=tables.get("products"))
    times = journey_times(tables, groups, as_of=as_of, event_types=event_types)
    return GroupStudy(
        sizes=group_sizes(features, groups, keys=keys, least=least),
        portrait=portray_groups(variables, groups, buyers=buyers, top_values=top_values, least=least),
        week=typical_week(orders, groups, as_of=as_of, least=least),
        journey=summarise_journeys(times, groups, least=least),
    )
