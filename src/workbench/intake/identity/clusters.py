"""Cluster linked people into customers, keep forbidden pairs apart, and raise alarms for over-merging."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, shortest_path

from workbench.intake.identity.links import CONTRADICTING

if TYPE_CHECKING:
    from workbench.intake.identity.links import Links

__all__ = ["Clusters", "cluster_people"]

_ENDS = ["record_l", "record_r"]


@dataclass(frozen=True)
class Clusters:
    """The assignment of people to customers.

    Attributes
    ----------
    members : DataFrame
        record, cluster (its smallest record), match_probability (of the record's strongest link; null
        for a single record).
    edges : DataFrame
        record_l, record_r, probability, cause: the accepted links.
    cut : DataFrame
        record_l, record_r, probability, cause: links left out because they would join a forbidden pair.
    alarms : DataFrame
        cluster, records, diameter, kind (over_merged, chain, split), weakest (probability of its weakest link),
        record_l and record_r: the ends of that link; for a split, of the link that was left out.
    """

    members: pd.DataFrame
    edges: pd.DataFrame
    cut: pd.DataFrame
    alarms: pd.DataFrame


def cluster_people(
    engine: duckdb.DuckDBPyConnection,
    people: str,
    links: Links,
    pairs: str,
    *,
    threshold: float,
    max_records: int,
    max_diameter: int,
) -> Clusters:
    """Cluster people whose links are strong enough.

    In a group with a forbidden pair, links are added from the strongest to the weakest, and a link that would join
    such a pair is left out, so that the group is split at its weakest link. Similarity alone never joins people
    with different gender, with both names different, or with one name different and nothing else equal.

    Parameters
    ----------
    engine : duckdb connection
    people : str
        `standardise`.
    links : Links
    pairs : str
        Table of scored pairs.
    threshold : float
        Smallest match probability of a link.
    max_records, max_diameter : int
        Alarm limits: people per customer, and links between the two farthest people of a customer.
    """
    edges, against = _edges(engine, people, links, pairs, threshold)
    count = int(engine.execute(f"SELECT count(*) FROM {people}").fetchall()[0][0])
    labels = _components(edges, count)
    apart = _forbidden(engine, people, links, labels)
    edges, cut = _part(edges, labels, apart)
    cut = pd.concat([cut, against]) if len(against) else cut
    labels = _components(edges, count)
    strongest = np.full(count, np.nan)
    for end in _ENDS:
        np.fmax.at(strongest, edges[end].to_numpy(), edges["probability"].to_numpy())
    members = pd.DataFrame({"record": np.arange(count), "cluster": labels, "match_probability": strongest})
    alarms = _alarms(members, edges, cut, max_records=max_records, max_diameter=max_diameter)
    return Clusters(members, edges, cut, alarms)


def _edges(
    engine: duckdb.DuckDBPyConnection, people: str, links: Links, pairs: str, threshold: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the strongest link of each pair (declared links first, then by strength), and the links left out."""
    edges = engine.execute(
        f"""
        SELECT record_l, record_r, max(probability) AS probability,
            first(cause ORDER BY rank, cause) AS cause, min(rank) AS rank, bool_and(against) AS against
        FROM (SELECT record_l, record_r, 1.0 AS probability, cause,
                CASE cause WHEN 'must_link' THEN 0 WHEN 'document_key'
                THEN 1 WHEN 'member_key' THEN 2 ELSE 3 END AS rank, FALSE AS against FROM {links.sure}
            UNION ALL SELECT record_l, record_r, match_probability, 'likeness', 4, {CONTRADICTING}
            FROM {pairs} JOIN {people} AS a ON a.record = record_l JOIN {people} AS b ON b.record = record_r
            WHERE match_probability >= ?)
        WHERE (record_l, record_r) NOT IN (SELECT (record_l, record_r) FROM {links.apart} WHERE cause = 'cannot_link')
        GROUP BY 1, 2 ORDER BY rank, probability DESC, record_l, record_r""",
        [threshold],
    ).df()
    against = edges.pop("against").to_numpy(dtype=bool)
    return edges[~against].reset_index(drop=True), edges[against].reset_index(drop=True)


def _components(edges: pd.DataFrame, count: int) -> np.ndarray:
    """Label every person with the smallest record of its connected component."""
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    left, right = edges["record_l"].to_numpy(), edges["record_r"].to_numpy()
    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), (left, right)), shape=(count, count)).tocsr()
    _, labels = connected_components(graph, directed=False)
    smallest = np.full(labels.max() + 1, count, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(count))
    return smallest[labels]


def _forbidden(engine: duckdb.DuckDBPyConnection, people: str, links: Links, labels: np.ndarray) -> pd.DataFrame:
    """Find the forbidden pairs within groups: declared, of one family, or with different documents."""
    engine.register("grouped_people", pd.DataFrame({"record": np.arange(len(labels)), "cluster": labels}))
    forbidden = engine.execute(f"""
        WITH g AS (SELECT p.record, p.document_key, c.cluster
            FROM {people} AS p JOIN grouped_people AS c USING (record) WHERE p.document_key IS NOT NULL)
        SELECT a.record AS record_l, b.record AS record_r, 'document' AS cause, a.cluster FROM g AS a JOIN g AS b
        ON a.cluster = b.cluster AND a.record < b.record AND a.document_key <> b.document_key
        UNION ALL
        SELECT f.record_l, f.record_r, f.cause, a.cluster FROM {links.apart} AS f
        JOIN grouped_people AS a ON a.record = f.record_l
        JOIN grouped_people AS b ON b.record = f.record_r AND a.cluster = b.cluster ORDER BY 4, 1, 2""").df()
    engine.unregister("grouped_people")
    return forbidden


def _part(edges: pd.DataFrame, labels: np.ndarray, apart: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rebuild every group with a forbidden pair, the strongest links first."""
    if apart.empty:
        return edges, edges.iloc[:0]
    inside = np.isin(labels[edges["record_l"].to_numpy()], apart["cluster"].unique())
    affected = edges[inside]
    kept = _join_in_order(affected, apart)
    return pd.concat([edges[~inside], affected[kept]]), affected[~kept]


def _join_in_order(edges: pd.DataFrame, apart: pd.DataFrame) -> np.ndarray:
    """Mark the links to keep when added in order; only the few groups with a forbidden pair are passed."""
    group: dict[int, int] = {}
    members: dict[int, set[int]] = {}
    enemies: dict[int, set[int]] = defaultdict(set)
    for left, right in zip(apart["record_l"], apart["record_r"], strict=True):
        enemies[left].add(right)
        enemies[right].add(left)
    kept = np.zeros(len(edges), dtype=bool)
    for at, (left, right) in enumerate(zip(edges["record_l"], edges["record_r"], strict=True)):
        for record in (left, right):
            members.setdefault(group.setdefault(record, record), {record})
        smaller, larger = sorted((group[left], group[right]), key=lambda name: (len(members[name]), name))
        if smaller != larger and any(enemies[record] & members[larger] for record in members[smaller]):
            continue
        kept[at] = True
        if smaller != larger:
            members[larger] |= members[smaller]
            group.update(dict.fromkeys(members.pop(smaller), larger))
    return kept


def _alarms(
    members: pd.DataFrame, edges: pd.DataFrame, cut: pd.DataFrame, *, max_records: int, max_diameter: int
) -> pd.DataFrame:
    of_record = members.set_index("record")["cluster"]
    sizes = np.bincount(of_record)  # by the smallest record of a cluster
    rows: list[tuple[Any, Any, int | None, str]] = []
    for cluster in np.flatnonzero(sizes > max_diameter + 1):
        diameter = _diameter(members.loc[members["cluster"] == cluster, "record"].to_numpy(), edges)
        if diameter > max_diameter:
            rows.append((cluster, sizes[cluster], diameter, "chain"))
    rows += [(cluster, sizes[cluster], None, "over_merged") for cluster in np.flatnonzero(sizes > max_records)]
    split_clusters = pd.unique(pd.concat([cut["record_l"], cut["record_r"]]).map(of_record)) if len(cut) else []
    rows += [(cluster, sizes[cluster], None, "split") for cluster in sorted(split_clusters)]
    alarms = pd.DataFrame(rows, columns=["cluster", "records", "diameter", "kind"])
    weakest, left_out = (_weakest(links, of_record, alarms["cluster"]) for links in (edges, cut))
    ends = weakest.reindex(alarms["cluster"])[_ENDS].to_numpy()
    parts = left_out.reindex(alarms["cluster"])[_ENDS].to_numpy()
    end_records = np.where((alarms["kind"] == "split").to_numpy()[:, None], parts, ends)
    return alarms.assign(
        weakest=alarms["cluster"].map(weakest["probability"]).astype(float),
        **{name: pd.array(end_records[:, at], dtype="Int64") for at, name in enumerate(_ENDS)},
    )


def _weakest(edges: pd.DataFrame, of_record: pd.Series, clusters: pd.Series) -> pd.DataFrame:
    """Return the weakest link with an end in each cluster: probability, record_l, record_r."""
    ends = [edges[["probability", *_ENDS]].assign(cluster=of_record.to_numpy()[edges[end]]) for end in _ENDS]
    touching = [end[end["cluster"].isin(clusters)] for end in ends]
    ordered = pd.concat(touching).sort_values(["cluster", "probability", *_ENDS])
    return ordered.drop_duplicates("cluster").set_index("cluster")


def _diameter(records: np.ndarray, edges: pd.DataFrame) -> int:
    """Count the links between the two farthest people of a customer."""
    inside = edges[edges["record_l"].isin(records)]
    place = {record: at for at, record in enumerate(records)}
    at = (inside["record_l"].map(place), inside["record_r"].map(place))
    graph = coo_matrix((np.ones(len(inside)), at), shape=(len(records), len(records))).tocsr()
    return int(shortest_path(graph, directed=False, unweighted=True).max())
