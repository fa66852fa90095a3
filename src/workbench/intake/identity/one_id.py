"""The OneID: a name for each customer that stays from run to run, and the log of what was merged and split."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import duckdb
import numpy as np
import pandas as pd

from workbench.intake.identity.vault import PSEUDONYM_CHARACTERS, VaultKey

__all__ = ["log_changes", "looks_like_contact", "name_customers"]

_DOMAIN, _PREFIX = "customer", "C"
_SEPARATOR = "\x1f"
CHANGES = ["old_customer_id", "new_customer_id", "kind", "records"]


def name_customers(
    members: pd.DataFrame, previous: pd.DataFrame, *, key: VaultKey | None, guessable: bool = False
) -> pd.DataFrame:
    """Give every cluster its OneID: the one it had, else a new one.

    Parameters
    ----------
    members : DataFrame
        One row per person of a source: source, source_id, cluster.
    previous : DataFrame
        source, source_id, customer_id of the run before; may be empty.
    key : VaultKey or None
        With it a new OneID is keyed; without, it is made of the source's name and its id, which tell nobody apart who
        has not the source.
    guessable : bool
        The ids of the sources are themselves a way to reach a person; without a key new OneIDs are then numbers.

    Returns
    -------
    DataFrame
        cluster, customer_id. Merged customers keep the OneID that more of their records had; a customer that is split
        keeps it in the part that has more of its records; ties go to the smaller OneID and the smaller cluster.
    """
    kept = _kept(members, previous)
    clusters = np.sort(members["cluster"].unique())
    fresh = clusters[~np.isin(clusters, kept["cluster"])]
    first = members.sort_values(["cluster", "source", "source_id"]).drop_duplicates("cluster").set_index("cluster")
    names = (first.loc[fresh, "source"] + _SEPARATOR + first.loc[fresh, "source_id"]).tolist()
    taken = set(previous["customer_id"])
    made = pd.DataFrame({"cluster": fresh, "customer_id": _make(names, key, taken, numbered=guessable)})
    return pd.concat([kept, made], ignore_index=True).sort_values("cluster", ignore_index=True)


def _kept(members: pd.DataFrame, previous: pd.DataFrame) -> pd.DataFrame:
    """Match clusters and former OneIDs one to one, the greatest overlap first."""
    both = members.merge(previous, on=["source", "source_id"])
    overlap = both.groupby(["cluster", "customer_id"], as_index=False).size()
    overlap = overlap.sort_values(["size", "customer_id", "cluster"], ascending=[False, True, True])
    best = overlap.drop_duplicates("customer_id").drop_duplicates("cluster")
    return best[["cluster", "customer_id"]].reset_index(drop=True)


def _make(names: Sequence[str], key: VaultKey | None, taken: set[str], *, numbered: bool) -> list[str]:
    if key is not None:
        made = key.pseudonyms(_DOMAIN, names)
    elif numbered:
        numbers = (number for number in range(1, len(names) + len(taken) + 1) if f"{_PREFIX}{number:016d}" not in taken)
        made = [f"{next(numbers):016d}" for _ in names]
    else:
        made = [base64.b32encode(_digest(name))[:PSEUDONYM_CHARACTERS].decode() for name in names]
    return [_free(f"{_PREFIX}{each}", taken) for each in made]


def _digest(name: str) -> bytes:
    return hashlib.sha256(f"{_DOMAIN}\x00{name}".encode()).digest()


def _free(name: str, taken: set[str]) -> str:
    """Return a OneID no other customer has: one that was split off gets a mark when its own is still in use."""
    at, found = 1, name
    while found in taken:
        at, found = at + 1, f"{name}-{at}"
    taken.add(found)
    return found


def looks_like_contact(engine: duckdb.DuckDBPyConnection, people: str) -> bool:
    """Say whether ids of a source are phone numbers, mail addresses or identity numbers, most of them."""
    shares = engine.execute(f"""SELECT avg((regexp_matches(source_id, '^(\\+?86)?1[3-9][0-9]{{9}}$')
        OR source_id LIKE '%@%.%' OR regexp_matches(source_id, '^[1-9][0-9]{{16}}[0-9Xx]$'))::INT)
        FROM {people} GROUP BY source""").fetchall()
    return any(share > 0.5 for (share,) in shares)  # noqa: PLR2004  (most of them)


def log_changes(identities: pd.DataFrame, previous: pd.DataFrame) -> pd.DataFrame:
    """Say which customers were merged, split, are new or gone since the run before.

    Parameters
    ----------
    identities, previous : DataFrame
        source, source_id, customer_id; an empty ``previous`` means a first run, which changes nothing.

    Returns
    -------
    DataFrame
        old_customer_id, new_customer_id, kind (merged, split, new, gone), records. A merged customer's records went to
        another OneID; a split one's in part.
    """
    if previous.empty:
        return pd.DataFrame({name: pd.Series(dtype="int64" if name == "records" else "str") for name in CHANGES})
    both = identities.merge(previous, on=["source", "source_id"], how="outer", suffixes=("_new", "_old"))
    flows = both.groupby(["customer_id_old", "customer_id_new"], as_index=False).size()
    moved = flows[flows["customer_id_old"] != flows["customer_id_new"]]
    alive = set(identities["customer_id"])
    kinds = np.where(moved["customer_id_old"].isin(alive), "split", "merged")
    parts = [_rows(moved["customer_id_old"], moved["customer_id_new"], kinds, moved["size"])]
    former, now = set(previous["customer_id"]), identities.groupby("customer_id").size()
    fed = set(flows["customer_id_new"])
    new = now[[name for name in now.index if name not in former and name not in fed]]
    parts.append(_rows([None] * len(new), new.index, ["new"] * len(new), new))
    before = previous.groupby("customer_id").size()
    gone = before[[name for name in before.index if name not in set(flows["customer_id_old"])]]
    parts.append(_rows(gone.index, [None] * len(gone), ["gone"] * len(gone), gone))
    found = pd.concat(parts, ignore_index=True)
    return found.sort_values(["kind", "old_customer_id", "new_customer_id"], ignore_index=True)


def _rows(old: Sequence, new: Sequence, kind: Sequence, records: Sequence) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(CHANGES, (list(old), list(new), list(kind), list(records)), strict=True))).astype(
        {"old_customer_id": "object", "new_customer_id": "object", "kind": "object", "records": "int64"}
    )
