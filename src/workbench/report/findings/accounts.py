"""Findings on company accounts. Serves 12_tag_customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.accounts.committee import ROLES
from workbench.analysis.accounts.health import CHECKS
from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from workbench.analysis.accounts.portraits import AccountPortraits

__all__ = [
    "COMMITTEE",
    "account_tables",
    "find_accounts",
    "limit_accounts",
    "riskiest_accounts",
    "riskiest_committees",
    "shown_accounts",
]

_MOST_ROWS = 15
_MOST_COMMITTEES = 6
COMMITTEE = {
    "account_name": "text", "decision_role": "label", "contact_id": "text", "position": "text", "function": "text",
    "problem": "text", "orders_recent": "int", "cases_recent": "int",
}  # fmt: skip
_SHOWN = [
    "account_id", "account_name", "firm", "health", "failed_checks", "spend_before", "spend_recent", "active_of",
    "roles_known", "roles_missing", "recency_days",
]  # fmt: skip
_FIRM = ("industry", "size_band", "stage", "region")
_HEALTH = ("at_risk", "watch", "healthy", "unknown")


def account_tables(portraits: AccountPortraits | None) -> dict[str, pd.DataFrame | None]:
    """Return the account tables by name; empty without accounts."""
    if portraits is None:
        return {}
    return {
        "account_portraits": portraits.accounts,
        "account_groups": portraits.groups,
        "account_committees": portraits.committees,
    }


def shown_accounts(portraits: AccountPortraits | None) -> pd.DataFrame | None:
    """Return the accounts for their chart."""
    return None if portraits is None else portraits.accounts


def find_accounts(portraits: AccountPortraits | None, *, account_window_days: int) -> list[Finding]:
    """Report accounts and groups, accounts at risk, and accounts with a single contact.

    Parameters
    ----------
    portraits : AccountPortraits or None
        None without accounts: no findings.
    account_window_days : int
        Window of the portraits.

    Returns
    -------
    list of Finding
    """
    if portraits is None:
        return []
    accounts, groups = portraits.accounts, portraits.groups
    largest = groups.iloc[0]
    values = {"accounts": len(accounts), "groups": len(groups), "share": largest["spend_share"]}
    findings = [Finding("accounts_overview", values | {"members": int(largest["accounts"])}, 0.3)]
    risky = accounts[accounts["health"] == "at_risk"]
    assessed = int((accounts["health"] != "unknown").sum())
    if assessed:
        spend = float(risky["spend_before"].sum())
        values = {"n": len(risky), "known": assessed, "spend": spend, "days": account_window_days}
        findings.append(Finding("accounts_at_risk", values, 0.8))
    thread = accounts["single_thread"].dropna()
    if len(thread):
        findings.append(Finding("accounts_single_thread", {"n": int(thread.sum()), "known": len(thread)}, 0.5))
    roles = portraits.committees["decision_role"]
    if roles.notna().any():
        deciding = portraits.committees[roles == "economic_buyer"]["account_id"].nunique()
        findings.append(Finding("accounts_deciders", {"n": int(deciding), "accounts": len(accounts)}, 0.2))
    return findings


def limit_accounts(portraits: AccountPortraits | None) -> list[Finding]:
    """Report what the roll-up to accounts leaves out or assumes."""
    if portraits is None:
        return []
    findings = [Finding("accounts_limit_health", {})]
    if portraits.shared_customers:
        findings.append(Finding("accounts_limit_shared", {"n": portraits.shared_customers}))
    if portraits.unattributed_spend:
        findings.append(Finding("accounts_limit_unattributed", {"spend": portraits.unattributed_spend}))
    problems = portraits.accounts["problem"].value_counts()
    if len(problems):
        values = {"unknown": int(problems.get("parent_unknown", 0)), "cycles": int(problems.get("cycle", 0))}
        findings.append(Finding("accounts_limit_parents", values))
    return findings


def riskiest_accounts(portraits: AccountPortraits | None) -> pd.DataFrame:
    """List the accounts to visit first: most failed checks, then most spend.

    Returns
    -------
    DataFrame
        At most 15 rows: account_id, account_name where known (else the id), firm (industry, size by staff, stage and
        region, as far as known), health, failed_checks (a list of their names), spend_before, spend_recent, active_of
        (contacts who were active, of all), recency_days, roles_known and roles_missing (lists of label keys of the
        standard roles in its buying committee).
    """
    if portraits is None:
        return pd.DataFrame(columns=_SHOWN)
    accounts = portraits.accounts
    order = accounts["health"].map({name: place for place, name in enumerate(_HEALTH)})
    failed = accounts[list(CHECKS)].fillna(False).astype(bool)
    table = accounts.assign(
        place=order, failed_checks=[[name for name in CHECKS if row[name]] for row in failed.to_dict("records")]
    )
    present = portraits.committees.groupby("account_id")["decision_role"].agg(set).to_dict()
    roles_by_account = [present.get(account, set()) for account in table["account_id"]]
    table["roles_known"] = [[f"role_{role}" for role in ROLES if role in roles] for roles in roles_by_account]
    table["roles_missing"] = [[f"role_{role}" for role in ROLES if role not in roles] for roles in roles_by_account]
    table["account_name"] = table["name"].fillna(table["account_id"]) if "name" in table else table["account_id"]
    table["active_of"] = [f"{row.active_contacts} / {row.contacts}" for row in table.itertuples()]
    firm = table.reindex(columns=list(_FIRM)).itertuples(index=False)
    table["firm"] = [" · ".join(str(cell) for cell in row if pd.notna(cell)) for row in firm]
    table = table[table["checks_failed"] > 0].sort_values(
        ["place", "checks_failed", "spend", "account_id"], ascending=[True, False, False, True]
    )
    return table[_SHOWN].head(_MOST_ROWS).reset_index(drop=True)


def riskiest_committees(portraits: AccountPortraits | None) -> pd.DataFrame:
    """List the buying committees of the accounts to visit first, role by role.

    Returns
    -------
    DataFrame
        The columns of `COMMITTEE`, one row per contact of the first six accounts of `riskiest_accounts`, in their
        order. decision_role is a label key; unknown values are missing, and contacts with none
        of the standard roles come last.
    """
    accounts = riskiest_accounts(portraits).head(_MOST_COMMITTEES)
    if portraits is None or accounts.empty:
        return pd.DataFrame(columns=list(COMMITTEE))
    committees = accounts[["account_id", "account_name"]].assign(place=range(len(accounts)))
    committees = committees.merge(portraits.committees, on="account_id")
    rank = committees["decision_role"].map({role: at for at, role in enumerate(ROLES)}).fillna(len(ROLES))
    committees = committees.assign(rank=rank).sort_values(["place", "rank", "contact_id"], ignore_index=True)
    labelled = committees.assign(
        decision_role=("role_" + committees["decision_role"]).where(committees["decision_role"].isin(ROLES))
    )
    return labelled.reindex(columns=list(COMMITTEE))
