"""Orders, spend and service cases of each customer of an account, counted in the database engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import ibis
import pandas as pd

from workbench.analysis.purchases import has_purchases
from workbench.core.store.tables import to_pandas
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.inputs.lines import known_lines
from workbench.intake.features.purchases.orders import group_orders, purchases

__all__ = ["customer_activity", "purchase_dates"]


def customer_activity(tables: Mapping[str, ibis.Table], *, as_of: date, window_days: int = 365) -> pd.DataFrame:
    """Count the orders and service cases of each customer before a date.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; transactions and service are read where present.
    as_of : date
        Rows at or after midnight of this date are not read.
    window_days : int
        Length of the last window and of the one before it, in days.

    Returns
    -------
    DataFrame
        One row per customer, sorted: customer_id; orders, spend (net of returns), orders_recent, spend_recent (the last
        window), spend_before (the window before it), last_purchase_on; cases, cases_recent, cases_open, rating_sum,
        ratings. Without activity counts are 0 and last_purchase_on is missing.
    """
    windows = tuple(at_midnight(as_of - timedelta(days=window_days * windows_back)) for windows_back in (1, 2))
    parts = [pd.DataFrame({"customer_id": pd.Series(dtype="str")}).set_index("customer_id")]
    if has_purchases(tables.get("transactions")):
        parts.append(_orders(tables["transactions"], as_of, windows))
    if {"customer_id", "opened_at"} <= set(tables["service"].columns if "service" in tables else ()):
        parts.append(_cases(tables["service"], as_of, windows[0]))
    activity = pd.concat(parts, axis=1).sort_index().rename_axis("customer_id").reset_index()
    counts = ["orders", "orders_recent", "cases", "cases_recent", "cases_open", "ratings"]
    sums = ["spend", "spend_recent", "spend_before", "rating_sum"]
    activity = activity.reindex(columns=["customer_id", *counts, *sums, "last_purchase_on"])
    return activity.fillna(dict.fromkeys([*counts, *sums], 0)).astype(
        dict.fromkeys(counts, "int64") | dict.fromkeys(sums, "float64")
    )


def purchase_dates(tables: Mapping[str, ibis.Table], customers: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """List the days on which the customers of each account bought.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
    customers : DataFrame
        From ``attribution.attribute_customers``.
    as_of : date

    Returns
    -------
    DataFrame
        account_id, purchased_on: one row per account and day with a purchase of any of its customers, sorted.
    """
    if not has_purchases(tables.get("transactions")):
        return pd.DataFrame({"account_id": pd.Series(dtype="str"), "purchased_on": pd.Series(dtype="datetime64[s]")})
    orders = purchases(group_orders(known_lines(tables["transactions"], as_of=as_of)))
    orders = orders.filter(orders.customer_id.isin(customers["customer_id"].tolist()))
    days = to_pandas(orders.select("customer_id", purchased_on=orders.ordered_at.date()).distinct())
    days = days.merge(customers[["customer_id", "account_id"]], on="customer_id", validate="many_to_one")
    days["purchased_on"] = pd.to_datetime(days["purchased_on"])
    days = days[["account_id", "purchased_on"]].drop_duplicates()
    return days.sort_values(["account_id", "purchased_on"], ignore_index=True)


def _orders(transactions: ibis.Table, as_of: date, windows: tuple) -> pd.DataFrame:
    orders = group_orders(known_lines(transactions, as_of=as_of))
    is_purchase = orders.sale_lines > 0
    is_recent = orders.ordered_at >= windows[0]
    is_before = (orders.ordered_at < windows[0]) & (orders.ordered_at >= windows[1])
    sums = orders.group_by("customer_id").aggregate(
        orders=orders.count(where=is_purchase),
        orders_recent=orders.count(where=is_purchase & is_recent),
        spend=orders.net.sum(),
        spend_recent=orders.net.sum(where=is_recent),
        spend_before=orders.net.sum(where=is_before),
        last_purchase_on=orders.ordered_at.date().max(where=is_purchase),
    )
    return to_pandas(sums.order_by("customer_id")).set_index("customer_id")


def _cases(service: ibis.Table, as_of: date, since: object) -> pd.DataFrame:
    cases = service.filter(service.customer_id.notnull() & (service.opened_at < at_midnight(as_of)))
    sums = {"cases": cases.count(), "cases_recent": cases.count(where=cases.opened_at >= since)}
    if "closed_at" in cases.columns:
        closed = (cases.closed_at < at_midnight(as_of)).fill_null(False)
        sums["cases_open"] = cases.count(where=~closed)
    if "rating" in cases.columns:  # a case is rated when it is closed
        rated = cases.rating.notnull() & (closed if "closed_at" in cases.columns else True)
        sums |= {"rating_sum": cases.rating.sum(where=rated), "ratings": cases.count(where=rated)}
    return to_pandas(cases.group_by("customer_id").aggregate(**sums).order_by("customer_id")).set_index("customer_id")
