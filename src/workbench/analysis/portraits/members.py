"""The complete portrait of one group, from the customer_ids of its members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.portraits.crosses import CROSS_COLUMNS, cross_tags
from workbench.analysis.portraits.groups import MEMBERS, mark_members
from workbench.analysis.portraits.journeys import journey_times, summarise_journeys
from workbench.analysis.portraits.study import study_groups

__all__ = ["MemberPortrait", "portray_members"]


@dataclass(frozen=True)
class MemberPortrait:
    """The members of a group compared with all customers.

    Attributes
    ----------
    size : DataFrame
        The members' row of `workbench.analysis.portraits.groups.group_sizes`.
    portrait : DataFrame
        The members' rows of `workbench.analysis.portraits.groups.portray_groups`.
    week : DataFrame
        The members' `workbench.analysis.portraits.purchases.typical_week`.
    journey : DataFrame
        The members' `workbench.analysis.portraits.journeys.summarise_journeys`.
    crosses : DataFrame
        `workbench.analysis.portraits.crosses.cross_tags` of each requested pair, among the members.
    """

    size: pd.DataFrame
    portrait: pd.DataFrame
    week: pd.DataFrame
    journey: pd.DataFrame
    crosses: pd.DataFrame


def portray_members(
    features: pd.DataFrame,
    members: Iterable[str],
    tables: Mapping[str, ir.Table],
    *,
    as_of: date,
    scores: Sequence[pd.DataFrame] = (),
    tags: pd.DataFrame | None = None,
    crosses: Sequence[tuple[str, str]] = (),
    event_types: Mapping[str, Sequence[str]] | None = None,
    least: int = SMALL_CELL,
) -> MemberPortrait:
    """Compare the members of a group with all customers.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and the variables.
    members : iterable of str
        customer_ids, all of them in ``features``.
    tables : mapping of str to ibis.Table
        transactions, products, events, campaigns, reviews, service, where present.
    as_of : date
    scores : sequence of DataFrame
        Further tables with one row per customer; their columns are variables too.
    tags : DataFrame, optional
        customer_id and one column per tag, for the crosses.
    crosses : sequence of (str, str)
        Pairs of columns of ``tags``; pairs with a missing column are left out.
    event_types : mapping, optional
        Additional event types by kind of event, as for 03_build_features.
    least : int
        Numbers based on fewer customers are suppressed, with further numbers to prevent recovery by subtraction.

    Raises
    ------
    DataError
        When a member is not a customer, or a tag is crossed with itself.
    """
    groups = mark_members(features, members)
    study = study_groups(features, groups, tables, scores=scores, as_of=as_of, keys=[MEMBERS], least=least)
    times = journey_times(tables, groups, as_of=as_of, event_types=event_types)
    member_ids = groups.loc[groups["group"] == MEMBERS, "customer_id"]
    member_tags = None if tags is None else tags[tags["customer_id"].isin(member_ids)]
    pairs = [pair for pair in crosses if member_tags is not None and set(pair) <= set(member_tags.columns)]
    cross_tables = [cross_tags(member_tags, *pair, least=least) for pair in pairs] if len(member_ids) else []
    return MemberPortrait(
        size=_of_members(study.sizes),
        portrait=_of_members(study.portrait),
        week=_of_members(study.week),
        journey=_of_members(summarise_journeys(times, groups, least=least)),
        crosses=pd.concat(cross_tables, ignore_index=True)
        if cross_tables
        else pd.DataFrame(columns=list(CROSS_COLUMNS)),
    )


def _of_members(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["group"] == MEMBERS].reset_index(drop=True)
