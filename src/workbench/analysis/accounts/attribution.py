"""To which account does a customer's order belong? Each customer is assigned to one account, so that sums add up."""

from __future__ import annotations

import pandas as pd

__all__ = ["attribute_customers"]


def attribute_customers(contacts: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Assign each customer, with all orders and service cases, to one account.

    Parameters
    ----------
    contacts : DataFrame
        One row per contact: contact_id, account_id, customer_id. Rows without account or customer are left out.
    accounts : DataFrame
        One row per account: account_id. Contacts of other accounts are left out. A customer_id that is itself an
        account_id (the company orders under its own number) is assigned to that account.

    Returns
    -------
    DataFrame
        One row per customer, sorted: customer_id, account_id, contact_id (missing for the company's own number),
        accounts (number of accounts that have the customer as a contact). A contact of several accounts is assigned to
        the one whose account_id sorts first.
    """
    ids = accounts["account_id"].dropna().astype("str").unique()
    linked = contacts.dropna(subset=["account_id", "customer_id"])
    linked = linked[linked["account_id"].isin(ids)].astype({"account_id": "str", "customer_id": "str"})
    n_accounts = linked.groupby("customer_id")["account_id"].nunique()
    attributed = linked.sort_values(["customer_id", "account_id", "contact_id"]).drop_duplicates("customer_id")
    attributed = attributed.assign(accounts=attributed["customer_id"].map(n_accounts))[
        ["customer_id", "account_id", "contact_id", "accounts"]
    ]
    companies = [account for account in ids if account not in set(attributed["customer_id"])]
    direct = pd.DataFrame({"customer_id": companies, "account_id": companies, "contact_id": None, "accounts": 1})
    parts = [attributed, direct.astype({"contact_id": "str"})] if len(direct) else [attributed]
    return (
        pd.concat(parts, ignore_index=True).sort_values("customer_id", ignore_index=True).astype({"accounts": "int64"})
    )
