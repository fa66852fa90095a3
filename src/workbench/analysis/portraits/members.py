"""The whole portrait of one group, whatever chose its members: a rule, a segment, a tag, or nothing at all."""

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
    """What is known of the members of a group, against everybody.

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
        `workbench.analysis.portraits.crosses.cross_tags` of each pair asked for, among the members.
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
    """Portray the members of a group against all customers.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id and the variables.
    members : iterable of str
        customer_ids, all of them in ``features``.
    tables : mapping of str to ibis.Table
        transactions, products, events, campaigns, reviews, service, where they exist.
    as_of : date
    scores : sequence of DataFrame
        Further tables of one row per customer, whose columns are variables too.
    tags : DataFrame, optional
        customer_id and one column per tag, for the crosses.
    crosses : sequence of (str, str)
        Pairs of columns of ``tags``; a pair of which one is not there is left out.
    event_types : mapping, optional
        Further words for kinds of events, as for 03_build_features.
    least : int
        Numbers with fewer customers behind them are suppressed, and what would give them away.

    Raises
    ------
    DataError
        A member is no customer, or a tag is crossed with itself.
    """
    groups = mark_members(features, members)
    study = study_groups(features, groups, tables, scores=scores, as_of=as_of, keys=[MEMBERS], least=least)
    times = journey_times(tables, groups, as_of=as_of, event_types=event_types)
    inside = groups.loc[groups["group"] == MEMBERS, "customer_id"]
    own = None if tags is None else tags[tags["customer_id"].isin(inside)]
    pairs = [pair for pair in crosses if own is not None and set(pair) <= set(own.columns)]
    crossed = [cross_tags(own, *pair, least=least) for pair in pairs] if len(inside) else []
    return MemberPortrait(
        size=_mine(study.sizes),
        portrait=_mine(study.portrait),
        week=_mine(study.week),
        journey=_mine(summarise_journeys(times, groups, least=least)),
        crosses=pd.concat(crossed, ignore_index=True) if crossed else pd.DataFrame(columns=list(CROSS_COLUMNS)),
    )


def _mine(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["group"] == MEMBERS].reset_index(drop=True)
