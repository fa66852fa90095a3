"""The portrait of each account and each group: firmographics, committee, activity and health."""

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

_FIRM_COLUMNS = ("name", "industry", "employees", "revenue", "sites", "stage", "region", "business", "culture")
_COUNTS = ("orders", "orders_recent", "cases", "cases_recent", "cases_open", "ratings")
_SUMS = ("spend", "spend_recent", "spend_before", "rating_sum")
_SIZES = (0, 10, 50, 250, 1000)  # lower limits of the size bands, employees
_BANDS = ("1-9", "10-49", "50-249", "250-999", "1000+")


@dataclass(frozen=True)
class AccountPortraits:
    """Portraits of the companies.

    Attributes
    ----------
    accounts : DataFrame
        One row per account.
    groups : DataFrame
        One row per group: sums over its accounts, each counted once.
    committees : DataFrame
        One row per contact.
    shared_customers : int
        Customers who are contacts of several accounts; each is assigned to one.
    unattributed_spend : float
        Spend of customers without an account.
    """

    accounts: pd.DataFrame
    groups: pd.DataFrame
    committees: pd.DataFrame
    shared_customers: int
    unattributed_spend: float


def portray_accounts(
    tables: Mapping[str, ibis.Table], *, as_of: date, account_window_days: int = 365, single_thread_share: float = 0.8
) -> AccountPortraits | None:
    """Sum orders and service cases from contacts to accounts and groups, and check the health of each account.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables; accounts is required, contacts, transactions and service are used where present.
    as_of : date
        Rows at or after midnight of this date are not read.
    account_window_days : int
        Length of the last window, days.
    single_thread_share : float
        As in ``committee.committee_summary``.

    Returns
    -------
    AccountPortraits or None
        None without accounts. accounts: account_id, group_id, levels, problem, the columns of ``accounts`` that are
        present, size_band (employees), customers, contacts, active_contacts, roles_known, roles_missing,
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
    by_account = customers.merge(activity, on="customer_id", how="left").groupby("account_id")
    sums = by_account[[*_COUNTS, *_SUMS]].sum().join(by_account.size().rename("customers")).reset_index()
    rhythm = usual_gaps(purchase_dates(tables, customers, as_of=as_of), as_of=as_of)
    portraits = find_groups(firms).merge(
        firms.reindex(columns=["account_id", *_FIRM_COLUMNS]).dropna(axis=1, how="all"), on="account_id"
    )
    for table in (committee_summary(committee, single_thread_share=single_thread_share), sums, rhythm):
        portraits = portraits.merge(table, on="account_id", how="left", validate="one_to_one")
    portraits = _completed(portraits)
    portraits = portraits.merge(
        check_health(portraits).drop(columns="single_thread"), on="account_id", validate="one_to_one"
    )
    unattributed = activity[~activity["customer_id"].isin(customers["customer_id"])]
    n_shared = int((customers["accounts"] > 1).sum())
    return AccountPortraits(
        portraits, _groups(portraits), committee, n_shared, round(float(unattributed["spend"].sum()), 2)
    )


def _contacts(tables: Mapping[str, ibis.Table]) -> pd.DataFrame:
    columns = ["contact_id", "account_id", "customer_id"]
    if "contacts" not in tables:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
    contacts = to_pandas(tables["contacts"])
    return contacts.reindex(columns=[*columns, *(name for name in contacts.columns if name not in columns)])


def _completed(portraits: pd.DataFrame) -> pd.DataFrame:
    counts = ["contacts", "active_contacts", "roles_known", "customers", "purchase_days", *_COUNTS]
    portraits = portraits.astype(dict.fromkeys([*counts, *_SUMS], "float64"))
    portraits = portraits.fillna(dict.fromkeys([*counts, *_SUMS], 0)).astype(dict.fromkeys(counts, "int64"))
    portraits["rating_mean"] = (
        portraits.pop("rating_sum") / portraits["ratings"].where(portraits["ratings"] > 0)
    ).round(6)
    portraits = portraits.round(dict.fromkeys(("spend", "spend_recent", "spend_before"), 2))
    portraits["single_thread"] = portraits["single_thread"].astype("boolean")
    if "employees" in portraits:
        bands = pd.cut(
            portraits["employees"].astype("float64"), [*_SIZES, float("inf")], right=False, labels=list(_BANDS)
        )
        portraits["size_band"] = bands.astype("str").where(portraits["employees"].notna())
    return portraits


def _groups(accounts: pd.DataFrame) -> pd.DataFrame:
    is_at_risk = accounts["health"].eq("at_risk")
    sums = ["contacts", "active_contacts", "orders", "orders_recent", "spend", "spend_recent", "cases", "cases_open"]
    grouped = accounts.assign(accounts_at_risk=is_at_risk.astype("int64")).groupby("group_id")
    groups = grouped[[*sums, "accounts_at_risk"]].sum().join(grouped.size().rename("accounts")).reset_index()
    total = groups["spend"].sum()
    groups["spend_share"] = (groups["spend"] / total).round(6) if total > 0 else float("nan")
    return groups.sort_values(["spend", "group_id"], ascending=[False, True], ignore_index=True)
