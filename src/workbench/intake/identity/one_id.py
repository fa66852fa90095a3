"""The OneID, a stable customer id across runs, and the log of merged and split customers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.intake.identity.vault import VaultKey

__all__ = ["log_changes", "looks_like_contact", "name_customers"]

_DOMAIN, _PREFIX = "customer", "C"
_SEPARATOR = "\x1f"
CHANGES = ["old_customer_id", "new_customer_id", "kind", "records"]


def name_customers(members: pd.DataFrame, previous: pd.DataFrame, *, key: VaultKey) -> pd.DataFrame:
    """Assign a OneID to every cluster: the previous one, else a new one.

    Parameters
    ----------
    members : DataFrame
        One row per person of a source: source, source_id, cluster.
    previous : DataFrame
        source, source_id, customer_id of the previous run; may be empty.
    key : VaultKey
        Key of the vault or of the workspace. A new OneID is a keyed pseudonym of source and id, which cannot be
        computed from the source without the key.

    Returns
    -------
    DataFrame
        cluster, customer_id. Merged customers keep the OneID of most of their records; of a split customer the part
        with most of its records keeps it; ties go to the smaller OneID and the smaller cluster.
    """
    retained = _retained(members, previous)
    clusters = np.sort(members["cluster"].unique())
    fresh = clusters[~np.isin(clusters, retained["cluster"])]
    first = members.sort_values(["cluster", "source", "source_id"]).drop_duplicates("cluster").set_index("cluster")
    names = (first.loc[fresh, "source"] + _SEPARATOR + first.loc[fresh, "source_id"]).tolist()
    used = set(previous["customer_id"])
    created = pd.DataFrame({"cluster": fresh, "customer_id": _new_names(names, key, used)})
    return pd.concat([retained, created], ignore_index=True).sort_values("cluster", ignore_index=True)


def _retained(members: pd.DataFrame, previous: pd.DataFrame) -> pd.DataFrame:
    """Match clusters and previous OneIDs one to one, the largest overlap first."""
    joined = members.merge(previous, on=["source", "source_id"])
    overlap = joined.groupby(["cluster", "customer_id"], as_index=False).size()
    overlap = overlap.sort_values(["size", "customer_id", "cluster"], ascending=[False, True, True])
    best = overlap.drop_duplicates("customer_id").drop_duplicates("cluster")
    return best[["cluster", "customer_id"]].reset_index(drop=True)


def _new_names(names: Sequence[str], key: VaultKey, used: set[str]) -> list[str]:
    return [_free(f"{_PREFIX}{pseudonym}", used) for pseudonym in key.pseudonyms(_DOMAIN, names)]


def _free(name: str, used: set[str]) -> str:
    """Return an unused OneID; a number is appended if the name is already used."""
    number, unique = 1, name
    while unique in used:
        number, unique = number + 1, f"{name}-{number}"
    used.add(unique)
    return unique


def looks_like_contact(engine: duckdb.DuckDBPyConnection, people: str) -> bool:
    """Return whether most ids of a source are phone numbers, mail addresses or identity numbers."""
    shares = engine.execute(f"""SELECT avg((regexp_matches(source_id, '^(\\+?86)?1[3-9][0-9]{{9}}$')
        OR source_id LIKE '%@%.%' OR regexp_matches(source_id, '^[1-9][0-9]{{16}}[0-9Xx]$'))::INT)
        FROM {people} GROUP BY source""").fetchall()
    return any(share > 0.5 for (share,) in shares)  # noqa: PLR2004  (most of them)


def log_changes(identities: pd.DataFrame, previous: pd.DataFrame) -> pd.DataFrame:
    """List the customers merged, split, added or removed since the previous run.

    Parameters
    ----------
    identities, previous : DataFrame
        source, source_id, customer_id; an empty ``previous`` means a first run, which changes nothing.

    Returns
    -------
    DataFrame
        old_customer_id, new_customer_id, kind (merged, split, new, gone), records. All records of a merged customer,
        and some records of a split one, went to another OneID.
    """
    if previous.empty:
        return pd.DataFrame({name: pd.Series(dtype="int64" if name == "records" else "str") for name in CHANGES})
    joined = identities.merge(previous, on=["source", "source_id"], how="outer", suffixes=("_new", "_old"))
    flows = joined.groupby(["customer_id_old", "customer_id_new"], as_index=False).size()
    moved = flows[flows["customer_id_old"] != flows["customer_id_new"]]
    alive = set(identities["customer_id"])
    kinds = np.where(moved["customer_id_old"].isin(alive), "split", "merged")
    parts = [_rows(moved["customer_id_old"], moved["customer_id_new"], kinds, moved["size"])]
    previous_ids, current = set(previous["customer_id"]), identities.groupby("customer_id").size()
    continued = set(flows["customer_id_new"])
    new = current[[name for name in current.index if name not in previous_ids and name not in continued]]
    parts.append(_rows([None] * len(new), new.index, ["new"] * len(new), new))
    previous_counts = previous.groupby("customer_id").size()
    gone = previous_counts[[name for name in previous_counts.index if name not in set(flows["customer_id_old"])]]
    parts.append(_rows(gone.index, [None] * len(gone), ["gone"] * len(gone), gone))
    changes = pd.concat(parts, ignore_index=True)
    return changes.sort_values(["kind", "old_customer_id", "new_customer_id"], ignore_index=True)


def _rows(old: Iterable[Any], new: Iterable[Any], kind: Iterable[Any], records: Iterable[Any]) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(CHANGES, (list(old), list(new), list(kind), list(records)), strict=True))).astype(
        {"old_customer_id": "object", "new_customer_id": "object", "kind": "object", "records": "int64"}
    )
