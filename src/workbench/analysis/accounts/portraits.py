"""The portrait of each account and of each group: who they are, who decides, what they do, how they fare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import pandas as pd

from workbench.analysis.accounts.activity import customer_activity, purchase_dates
from workbench.analysis.accounts.attribution import attribute_customers
from workbench.analysis.accounts.committee import buying_committee, committee_summary
from workbench.analysis.accounts.groups import find_groups
from workbench.analysis.accounts.health import check_health, usual_gaps
from workbench.core.store.tables import to_pandas

__all__ = ["AccountPortraits", "portray_accounts"]

_FIRM = ("name", "industry", "employees", "revenue", "sites", "stage", "region", "business", "culture")
_COUNTS = ("orders", "orders_recent", "cases", "cases_recent", "cases_open", "ratings")
_SUMS = ("spend", "spend_recent", "spend_before", "rating_sum")
_SIZES = (0, 10, 50, 250, 1000)  # employees from which a band begins
_BANDS = ("1-9", "10-49", "50-249", "250-999", "1000+")


@dataclass(frozen=True)
class AccountPortraits:
    """What is known of the companies.

    Attributes
    ----------
    accounts : DataFrame
        One row per account.
    groups : DataFrame
        One row per group; sums of its accounts, each counted once.
    committees : DataFrame
        One row per contact.
    shared_customers : int
        Customers who are contacts of several accounts; they count for one.
    unattributed_spend : float
        Spend of customers of no account.
    """

    accounts: pd.DataFrame
    groups: pd.DataFrame
    committees: pd.DataFrame
    shared_customers: int
    unattributed_spend: float


def portray_accounts(
    tables: Mapping[str, ibis.Table], *, as_of: date, account_window_days: int = 365, single_thread_share: float = 0.8
) -> AccountPortraits | None:
    """Roll orders and service up from contact to account to group, and say how each account fares.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; accounts is needed, contacts, transactions and service are used where they are there.
    as_of : date
        Nothing at or after its midnight is read.
    account_window_days : int
        Length of the last window, days.
    single_thread_share : float
        As ``committee.committee_summary`` takes it.

    Returns
    -------
    AccountPortraits or None
        None without accounts. accounts: account_id, group_id, levels, problem, the columns of ``accounts`` that are
        there, size_band (employees), customers, contacts, active_contacts, roles_known, roles_missing,
        top_contact_share, orders, orders_recent, spend, spend_recent, spend_before, cases, cases_recent, cases_open,
        ratings, rating_mean, purchase_days, gap_days_median, recency_days, the checks of ``health.check_health`` and
        health. An order is counted for one account only.
    """
    if "accounts" not in tables:
        return None
    firms = to_pandas(tables["accounts"]).dropna(subset=["account_id"]).drop_duplicates("account_id")
    contacts = _contacts(tables)
    customers = attribute_customers(contacts, firms)
    activity = customer_activity(tables, as_of=as_of, window_days=account_window_days)
    committee = buying_committee(contacts, customers, activity)
    counted = customers.merge(activity, on="customer_id", how="left").groupby("account_id")
    sums = counted[[*_COUNTS, *_SUMS]].sum().join(counted.size().rename("customers")).reset_index()
    rhythm = usual_gaps(purchase_dates(tables, customers, as_of=as_of), as_of=as_of)
    told = find_groups(firms).merge(
        firms.reindex(columns=["account_id", *_FIRM]).dropna(axis=1, how="all"), on="account_id"
    )
    for part in (committee_summary(committee, single_thread_share=single_thread_share), sums, rhythm):
        told = told.merge(part, on="account_id", how="left", validate="one_to_one")
    told = _completed(told)
    told = told.merge(check_health(told).drop(columns="single_thread"), on="account_id", validate="one_to_one")
    strange = activity[~activity["customer_id"].isin(customers["customer_id"])]
    shared = int((customers["accounts"] > 1).sum())
    return AccountPortraits(told, _groups(told), committee, shared, round(float(strange["spend"].sum()), 2))


def _contacts(tables: Mapping[str, ibis.Table]) -> pd.DataFrame:
    columns = ["contact_id", "account_id", "customer_id"]
    if "contacts" not in tables:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
    found = to_pandas(tables["contacts"])
    return found.reindex(columns=[*columns, *(name for name in found.columns if name not in columns)])


def _completed(told: pd.DataFrame) -> pd.DataFrame:
    zero = ["contacts", "active_contacts", "roles_known", "customers", "purchase_days", *_COUNTS]
    told = told.astype(dict.fromkeys([*zero, *_SUMS], "float64"))
    told = told.fillna(dict.fromkeys([*zero, *_SUMS], 0)).astype(dict.fromkeys(zero, "int64"))
    told["rating_mean"] = (told.pop("rating_sum") / told["ratings"].where(told["ratings"] > 0)).round(6)
    told = told.round(dict.fromkeys(("spend", "spend_recent", "spend_before"), 2))
    told["single_thread"] = told["single_thread"].astype("boolean")
    if "employees" in told:
        bands = pd.cut(told["employees"].astype("float64"), [*_SIZES, float("inf")], right=False, labels=list(_BANDS))
        told["size_band"] = bands.astype("str").where(told["employees"].notna())
    return told


def _groups(told: pd.DataFrame) -> pd.DataFrame:
    risky = told["health"].eq("at_risk")
    sums = ["contacts", "active_contacts", "orders", "orders_recent", "spend", "spend_recent", "cases", "cases_open"]
    by = told.assign(accounts_at_risk=risky.astype("int64")).groupby("group_id")
    found = by[[*sums, "accounts_at_risk"]].sum().join(by.size().rename("accounts")).reset_index()
    whole = found["spend"].sum()
    found["spend_share"] = (found["spend"] / whole).round(6) if whole > 0 else float("nan")
    return found.sort_values(["spend", "group_id"], ascending=[False, True], ignore_index=True)
