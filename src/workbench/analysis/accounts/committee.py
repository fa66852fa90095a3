"""Who decides at an account, and does the business depend on one person? The buying committee and its contacts."""

from __future__ import annotations

import pandas as pd

__all__ = ["ROLES", "buying_committee", "committee_summary", "standard_role"]

# standard role -> names used in sources, lower case
ROLES = {
    "economic_buyer": (
        "economic buyer", "decision maker", "decider", "budget owner", "拍板人", "决策者", "决策人", "决定者",
    ),
    "champion": ("champion", "sponsor", "coach", "initiator", "内部支持者", "支持者", "教练", "发起者", "发起人"),
    "technical_evaluator": ("technical evaluator", "technical buyer", "技术把关", "技术负责人", "技术评估"),
    "user": ("user", "end user", "使用者", "用户"),
    "gatekeeper": (
        "gatekeeper", "procurement", "purchasing", "buyer", "legal", "采购", "采购者", "法务", "采购/法务", "把关者",
    ),
    "influencer": ("influencer", "影响者", "影响人"),
}  # fmt: skip
OTHER_ROLE = "other_role"
_WORDS = {word: role for role, words in ROLES.items() for word in (role, role.replace("_", " "), *words)}
_CONTACT_COLUMNS = ("decision_role", "position", "function", "problem")


def standard_role(roles: pd.Series) -> pd.Series:
    """Map decision roles to the six standard ones; other words become ``other_role``, blanks stay missing."""
    words = roles.astype("str").str.strip().str.lower()
    return words.map(lambda word: _WORDS.get(word, OTHER_ROLE), na_action="ignore").where(roles.notna())


def buying_committee(contacts: pd.DataFrame, customers: pd.DataFrame, activity: pd.DataFrame) -> pd.DataFrame:
    """List the contacts of each account with their role and recent activity.

    Parameters
    ----------
    contacts : DataFrame
        One row per contact: contact_id, account_id, customer_id and, where known, position, function, decision_role,
        problem.
    customers : DataFrame
        From ``attribution.attribute_customers``; a contact's activity appears at the account it is assigned to.
    activity : DataFrame
        From ``activity.customer_activity``.

    Returns
    -------
    DataFrame
        One row per contact of a known account, by account_id and contact_id: account_id, contact_id, customer_id,
        decision_role (standard), position, function, problem, orders_recent, cases_recent, active (ordered or opened a
        case in the last window).
    """
    committee = contacts.dropna(subset=["contact_id", "account_id"]).drop_duplicates("contact_id")
    committee = committee.reindex(columns=["account_id", "contact_id", "customer_id", *_CONTACT_COLUMNS])
    committee = committee[committee["account_id"].isin(customers["account_id"])]
    committee["decision_role"] = standard_role(committee["decision_role"])
    attributed = customers[["contact_id", "customer_id"]].dropna()
    recent = attributed.merge(activity[["customer_id", "orders_recent", "cases_recent"]], on="customer_id", how="left")
    committee = committee.merge(recent.drop(columns="customer_id"), on="contact_id", how="left", validate="one_to_one")
    committee = committee.fillna({"orders_recent": 0, "cases_recent": 0}).astype(
        {"orders_recent": "int64", "cases_recent": "int64"}
    )
    committee["active"] = committee["orders_recent"] + committee["cases_recent"] > 0
    return committee.sort_values(["account_id", "contact_id"], ignore_index=True)


def committee_summary(committee: pd.DataFrame, *, single_thread_share: float = 0.8) -> pd.DataFrame:
    """Measure how broad the committee of each account is and whether it depends on one contact.

    Parameters
    ----------
    committee : DataFrame
        From ``buying_committee``.
    single_thread_share : float
        In (0.5, 1]: an account depends on one contact who has at least this share of its recent orders and cases.

    Returns
    -------
    DataFrame
        One row per account with a contact: account_id, contacts, active_contacts, roles_known, roles_missing (standard
        roles by name, comma separated), top_contact_share (of the orders and cases of the last window; missing without
        any), single_thread (true if only one contact is active, or one has at least ``single_thread_share``; missing if
        no contact was active or the account has only one contact).
    """
    recent = committee["orders_recent"] + committee["cases_recent"]
    accounts = committee.assign(did=recent).groupby("account_id")
    summary = accounts.agg(
        contacts=("contact_id", "size"), active_contacts=("active", "sum"), most=("did", "max"), all=("did", "sum")
    )
    roles = accounts["decision_role"].agg(lambda group: sorted(set(group) & set(ROLES)))
    summary["roles_known"] = roles.map(len)
    summary["roles_missing"] = roles.map(lambda present: ", ".join(role for role in ROLES if role not in present))
    summary["top_contact_share"] = (summary["most"] / summary["all"].where(summary["all"] > 0)).round(6)
    is_judged = (summary["all"] > 0) & (summary["contacts"] > 1)
    summary["single_thread"] = (summary["top_contact_share"] >= single_thread_share).astype("boolean").where(is_judged)
    return summary.drop(columns=["most", "all"]).reset_index()
