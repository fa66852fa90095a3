"""Whose account does a customer's order count for? Each customer counts for one account, so sums add up."""

from __future__ import annotations

import pandas as pd

__all__ = ["attribute_customers"]


def attribute_customers(contacts: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Give each customer the one account its orders and cases count for.

    Parameters
    ----------
    contacts : DataFrame
        One row per contact: contact_id, account_id, customer_id. Rows without account or customer are left out.
    accounts : DataFrame
        One row per account: account_id. Contacts of other accounts are left out. A customer_id that is itself an
        account_id (the company orders under its own number) counts for that account.

    Returns
    -------
    DataFrame
        One row per customer, sorted: customer_id, account_id, contact_id (missing for the company's own number),
        accounts (how many accounts the customer's contacts name). A customer who is contact of several accounts counts
        for the one whose account_id sorts first, and ``accounts`` says so.
    """
    ids = accounts["account_id"].dropna().astype("str").unique()
    linked = contacts.dropna(subset=["account_id", "customer_id"])
    linked = linked[linked["account_id"].isin(ids)].astype({"account_id": "str", "customer_id": "str"})
    named = linked.groupby("customer_id")["account_id"].nunique()
    own = linked.sort_values(["customer_id", "account_id", "contact_id"]).drop_duplicates("customer_id")
    own = own.assign(accounts=own["customer_id"].map(named))[["customer_id", "account_id", "contact_id", "accounts"]]
    companies = [account for account in ids if account not in set(own["customer_id"])]
    direct = pd.DataFrame({"customer_id": companies, "account_id": companies, "contact_id": None, "accounts": 1})
    both = pd.concat([own, direct.astype({"contact_id": "str"})] if len(direct) else [own], ignore_index=True)
    return both.sort_values("customer_id", ignore_index=True).astype({"accounts": "int64"})
