"""Which accounts belong to one group? The chain of parents is followed to its top."""

from __future__ import annotations

import pandas as pd

__all__ = ["PROBLEMS", "find_groups"]

PROBLEMS = ("cycle", "parent_unknown")


def find_groups(accounts: pd.DataFrame) -> pd.DataFrame:
    """Find the group of each account: the account at the top of its chain of parents.

    Parameters
    ----------
    accounts : DataFrame
        One row per account: account_id and, where known, parent_id. Of several rows with the same account_id the first
        is used. An account that names itself as its parent has no parent.

    Returns
    -------
    DataFrame
        One row per account, sorted by account_id: account_id, group_id, levels (steps to the top), problem: ``cycle``
        where the chain returns to the account (it then forms its own group), ``parent_unknown`` where an account on the
        chain names a parent that is not in the table (the chain then ends there), else missing.
    """
    firms = accounts.dropna(subset=["account_id"]).drop_duplicates("account_id").set_index("account_id").sort_index()
    parents = firms["parent_id"] if "parent_id" in firms else pd.Series(pd.NA, index=firms.index, dtype="str")
    parents = parents.mask(parents == parents.index.to_series())
    is_unknown = parents.notna() & ~parents.isin(firms.index)
    parent_of = parents.mask(is_unknown).to_dict()
    rows = [_climb(account, parent_of) for account in firms.index]
    groups = pd.DataFrame(rows, columns=["account_id", "group_id", "levels", "problem"])
    is_broken = groups["problem"].isna() & groups["group_id"].map(is_unknown).fillna(False).astype(bool)
    groups["problem"] = groups["problem"].astype("object").mask(is_broken, "parent_unknown")
    return groups.astype({"account_id": "str", "group_id": "str", "levels": "int64"})


def _climb(account: str, parent_of: dict[str, str]) -> tuple[str, str, int, str | None]:
    visited, current = {account}, account
    while pd.notna(parent := parent_of[current]):
        if parent in visited:
            return account, account, 0, "cycle"
        visited.add(parent)
        current = parent
    return account, current, len(visited) - 1, None
