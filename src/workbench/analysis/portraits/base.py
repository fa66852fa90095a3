"""The portrait of the whole base beyond its features: what it buys, in which hours, how far its journey goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL
from workbench.analysis.portraits.funnel import convert_within, funnel_times
from workbench.analysis.portraits.groups import portray_groups
from workbench.analysis.portraits.journeys import EVERYBODY, journey_times, summarise_journeys
from workbench.analysis.portraits.purchases import count_buyers, typical_week

__all__ = ["BasePortrait", "portray_base"]


@dataclass(frozen=True)
class BasePortrait:
    """What the base does.

    Attributes
    ----------
    bought : DataFrame
        One row per category, brand or channel and value: n (customers with a purchase), share who bought it.
    week : DataFrame
        `workbench.analysis.portraits.purchases.typical_week` of everybody.
    journey : DataFrame
        `workbench.analysis.portraits.journeys.summarise_journeys` of everybody.
    funnel : DataFrame
        `workbench.analysis.portraits.funnel.convert_within`.
    """

    bought: pd.DataFrame
    week: pd.DataFrame
    journey: pd.DataFrame
    funnel: pd.DataFrame


def portray_base(
    features: pd.DataFrame,
    tables: Mapping[str, ir.Table],
    *,
    as_of: date,
    windows_days: Sequence[int],
    event_types: Mapping[str, Sequence[str]] | None = None,
    top_values: int = 12,
    least: int = SMALL_CELL,
) -> BasePortrait:
    """Portray the whole base from its tables.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id.
    tables : mapping of str to ibis.Table
        transactions, products, events, campaigns, reviews, service, where they exist.
    as_of : date
    windows_days : sequence of int
        Windows of the funnel.
    event_types : mapping, optional
        Further words for kinds of events, as for 03_build_features.
    top_values : int
        Values told of a category, brand or channel.
    least : int
        Numbers with fewer customers behind them are suppressed.
    """
    everybody = features[["customer_id"]].assign(group=EVERYBODY)
    orders = tables.get("transactions")
    buyers = count_buyers(orders, everybody, as_of=as_of, products=tables.get("products"))
    bought = portray_groups(
        everybody[["customer_id"]], everybody, columns=[], buyers=buyers, top_values=top_values, least=least
    )
    names = ["variable", "value", "n", "share", "share_low", "share_high", "suppressed"]
    times = journey_times(tables, everybody, as_of=as_of, event_types=event_types)
    looked = funnel_times(tables.get("events"), orders, as_of=as_of, event_types=event_types)
    return BasePortrait(
        bought=bought[names],
        week=typical_week(orders, everybody, as_of=as_of, least=least),
        journey=summarise_journeys(times, least=least),
        funnel=convert_within(looked, windows_days=windows_days, as_of=as_of, least=least),
    )
