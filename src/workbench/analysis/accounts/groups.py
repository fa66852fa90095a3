"""Which accounts belong to one group? Follows the chain of parents to its top."""

from __future__ import annotations

import pandas as pd

__all__ = ["PROBLEMS", "find_groups"]

PROBLEMS = ("cycle", "parent_unknown")


def find_groups(accounts: pd.DataFrame) -> pd.DataFrame:
    """Give each account the group it belongs to: the account at the top of its chain of parents.

    Parameters
    ----------
    accounts : DataFrame
        One row per account: account_id and, where known, parent_id. Of several rows with one account_id the first
        counts. An account that names itself as its parent has none.

    Returns
    -------
    DataFrame
        One row per account, sorted by account_id: account_id, group_id, levels (steps up to the top, 0 there), problem:
        ``cycle`` where the chain comes back to itself (the account then stands alone), ``parent_unknown`` where an
        account on the chain names a parent that is not in the table (the chain then ends below it), else missing.
    """
    known = accounts.dropna(subset=["account_id"]).drop_duplicates("account_id").set_index("account_id").sort_index()
    parent = known["parent_id"] if "parent_id" in known else pd.Series(pd.NA, index=known.index, dtype="str")
    parent = parent.mask(parent == parent.index.to_series())
    lost = parent.notna() & ~parent.isin(known.index)
    upward = parent.mask(lost).to_dict()
    rows = [_climb(account, upward) for account in known.index]
    found = pd.DataFrame(rows, columns=["account_id", "group_id", "levels", "problem"])
    broken = found["problem"].isna() & found["group_id"].map(lost).fillna(False).astype(bool)
    found["problem"] = found["problem"].astype("object").mask(broken, "parent_unknown")
    return found.astype({"account_id": "str", "group_id": "str", "levels": "int64"})


def _climb(account: str, upward: dict[str, str]) -> tuple[str, str, int, str | None]:
    seen, at = {account}, account
    while pd.notna(above := upward[at]):
        if above in seen:
            return account, account, 0, "cycle"
        seen.add(above)
        at = above
    return account, at, len(seen) - 1, None
