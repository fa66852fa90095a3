"""The portrait of all customers: what they buy and when, their journey and their funnel."""

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
    """Behaviour of all customers.

    Attributes
    ----------
    bought : DataFrame
        One row per category, brand or channel and value: n (customers with a purchase), share of buyers.
    week : DataFrame
        `workbench.analysis.portraits.purchases.typical_week` of all customers.
    journey : DataFrame
        `workbench.analysis.portraits.journeys.summarise_journeys` of all customers.
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
    """Compute the portrait of all customers.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id.
    tables : mapping of str to ibis.Table
        transactions, products, events, campaigns, reviews, service, where present.
    as_of : date
    windows_days : sequence of int
        Windows of the funnel, in days.
    event_types : mapping, optional
        Additional event types by kind of event, as for 03_build_features.
    top_values : int
        Most values of a category, brand or channel.
    least : int
        Numbers based on fewer customers are suppressed.
    """
    all_customers = features[["customer_id"]].assign(group=EVERYBODY)
    orders = tables.get("transactions")
    buyers = count_buyers(orders, all_customers, as_of=as_of, products=tables.get("products"))
    bought = portray_groups(
        all_customers[["customer_id"]], all_customers, columns=[], buyers=buyers, top_values=top_values, least=least
    )
    names = ["variable", "value", "n", "share", "share_low", "share_high", "suppressed"]
    times = journey_times(tables, all_customers, as_of=as_of, event_types=event_types)
    first_steps = funnel_times(tables.get("events"), orders, as_of=as_of, event_types=event_types)
    return BasePortrait(
        bought=bought[names],
        week=typical_week(orders, all_customers, as_of=as_of, least=least),
        journey=summarise_journeys(times, least=least),
        funnel=convert_within(first_steps, windows_days=windows_days, as_of=as_of, least=least),
    )
