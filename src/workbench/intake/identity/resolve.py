"""Resolve identities: assign one OneID per customer to the records of people; used by 02_resolve_identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import ibis
import numpy as np
import pandas as pd

from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.core.schema import CANONICAL, ID_SPACE
from workbench.intake.identity.clusters import Clusters, cluster_people
from workbench.intake.identity.comparisons import filled_columns
from workbench.intake.identity.evaluation import evaluate_clusters
from workbench.intake.identity.explain import explain_pair, most_borderline, most_suspicious
from workbench.intake.identity.households import find_households
from workbench.intake.identity.links import Links, find_links
from workbench.intake.identity.matching import Model, score_pairs, unlinkable
from workbench.intake.identity.one_id import log_changes, looks_like_contact, name_customers
from workbench.intake.identity.standardise import COMPARABLE, standardise

if TYPE_CHECKING:
    from workbench.intake.identity.vault import Vault, VaultKey

__all__ = ["Match", "Resolution", "gather_ids", "match_people", "name_everybody", "seal_people"]

_GIVEN, _PEOPLE, _TRUTH = "identity_given", "identity_people", "identity_truth"
_ID_COLUMNS = ("customer_id", "other_id", "referrer_customer_id")
_AS_IS = ("gender", "document_text")
_LEAST_BIN, _BIN_BITS = -10, 2


@dataclass(frozen=True)
class Match:
    """The result of matching, before customers get their OneIDs.

    Attributes
    ----------
    engine : ibis.BaseBackend
        Engine with the private tables, until the stage ends.
    source : ibis.Table
        The people as imported, which the private tables read without a copy; kept until they are sealed.
    records : int
        Accepted records of people.
    people : DataFrame
        record, source, source_id: one row per person of a source.
    links : Links
    model : Model
    clusters : Clusters
    metrics : dict
    """

    engine: ibis.BaseBackend
    source: ibis.Table
    records: int
    people: pd.DataFrame
    links: Links
    model: Model
    clusters: Clusters
    metrics: dict[str, Any]

    def completeness(self) -> pd.DataFrame:
        """Return column, share, n: the share and number of people with a value in each comparable column."""
        filled = filled_columns(self.engine.con, _PEOPLE, COMPARABLE)
        n = len(self.people)
        comparable = {
            name: count for name, count in filled.items() if count and (name in _AS_IS or name.endswith("_key"))
        }
        rows = [
            (name.removesuffix("_key"), count / n, n) for name, count in comparable.items() if name != "document_key"
        ]
        return pd.DataFrame(rows, columns=["column", "share", "n"])

    def scores(self) -> pd.DataFrame:
        """Return the histogram of match weights: weight (lower end of a bin of two bits) and pairs."""
        sql = f"""SELECT greatest(floor(match_weight / {_BIN_BITS}) * {_BIN_BITS}, {_LEAST_BIN}) AS weight,
            count(*) AS pairs FROM {self.model.pairs} GROUP BY 1 ORDER BY 1"""
        return self.engine.con.execute(sql).df()

    def unlinkable(self) -> pd.DataFrame:
        """Return match_probability, share: the share of people who do not reach it even against themselves."""
        return unlinkable(self.model)

    def waterfall(self) -> pd.DataFrame:
        """Explain the weakest accepted link; see `explain_pair`."""
        pair = most_borderline(self.engine.con, _PEOPLE, self.clusters)
        return self.explain(*pair) if pair else pd.DataFrame(columns=["comparison", "weight", "start", "end"])

    def explain(self, left: tuple[str, str], right: tuple[str, str]) -> pd.DataFrame:
        """Explain any pair of people, each by its source and id there; see `explain_pair`."""
        return explain_pair(self.engine.con, _PEOPLE, self.model, left, right)

    def suspicious(self) -> pd.DataFrame:
        """List the customers with an alarm and the link to review; see `most_suspicious`."""
        hidden = looks_like_contact(self.engine.con, _PEOPLE)
        return most_suspicious(self.clusters, self.people, hidden=hidden)


@dataclass(frozen=True)
class Resolution:
    """All customers with their OneIDs.

    Attributes
    ----------
    identities : DataFrame
        source, source_id, customer_id, match_probability.
    households : DataFrame
        customer_id, household_id.
    changes : DataFrame
        `log_changes`.
    metrics : dict
    """

    identities: pd.DataFrame
    households: pd.DataFrame
    changes: pd.DataFrame
    metrics: dict[str, Any]


def match_people(
    engine: ibis.BaseBackend,
    people: ibis.Table,
    *,
    must_link: pd.DataFrame,
    cannot_link: pd.DataFrame,
    settings: Mapping[str, Any],
) -> Match:
    """Find which records of people are the same customer.

    Parameters
    ----------
    engine : ibis.BaseBackend
        DuckDB.
    people : ibis.Table
        `workbench.intake.identity.people.read_people`.
    must_link, cannot_link : DataFrame
        `declared_pairs`.
    settings : mapping
        The parameters of 02_resolve_identity, by name.

    Raises
    ------
    DataError
        ``truth`` is not a column of the people, or a declared pair names an unknown record.
    """
    engine.create_view(_GIVEN, people, overwrite=True)  # read at most twice, which is cheaper than a copy
    con = engine.con
    count = standardise(con, _GIVEN, _PEOPLE)
    records = int(con.execute(f"SELECT count(*) FROM {_GIVEN}").fetchall()[0][0])
    links = find_links(con, _PEOPLE, max_per_key=settings["max_per_key"], must=must_link, cannot=cannot_link)
    model = score_pairs(
        con, _PEOPLE, blocking=settings["blocking"], most_pairs=settings["max_pairs_per_record"], seed=settings["seed"]
    )
    clusters = cluster_people(
        con, _PEOPLE, links, model.pairs, threshold=settings["threshold"],
        max_records=settings["max_records"], max_diameter=settings["max_diameter"],
    )  # fmt: skip
    named = con.execute(f"SELECT record, source, source_id FROM {_PEOPLE} ORDER BY record").to_arrow_table().to_pandas()
    metrics = {"records": records, **_counts(clusters, links), **_unlinkable_share(model, settings["threshold"])}
    if settings["truth"]:
        truth = _true_identities(con, settings["truth"], settings["truth_pattern"])
        metrics |= evaluate_clusters(clusters.members["cluster"], truth, seed=settings["seed"])
    return Match(engine, people, records, named.head(count), links, model, clusters, metrics)


def _counts(clusters: Clusters, links: Links) -> dict[str, int]:
    sizes = np.unique(clusters.members["cluster"], return_counts=True)[1]
    kinds = clusters.alarms["kind"].value_counts()
    return {
        "persons": len(clusters.members),
        "customers": len(sizes),
        "pairs": int((sizes * (sizes - 1) // 2).sum()),
        "links_by_key": int((clusters.edges["cause"] != "likeness").sum()),
        "links_by_likeness": int((clusters.edges["cause"] == "likeness").sum()),
        "links_cut": len(clusters.cut),
        "hubs": len(links.hubs),
        "over_merged": int(kinds.get("over_merged", 0)),
        "chains": int(kinds.get("chain", 0)),
    }


def _unlinkable_share(model: Model, threshold: float) -> dict[str, float | None]:
    curve = unlinkable(model)
    below = curve[curve["match_probability"] < threshold]
    if model.linker is None:
        return {"unlinkable_share": None}
    return {"unlinkable_share": float(below["share"].max()) if len(below) else 0.0}


def _true_identities(con: Any, column: str, pattern: str | None) -> pd.Series:
    present = [row[0] for row in con.execute(f"DESCRIBE {_GIVEN}").fetchall()]
    if column not in present:
        remedy = did_you_mean(column, present)
        raise DataError(Fault("", f"truth '{column}' is no column of the people", "", remedy))
    value = f"nullif(regexp_extract(min({column}), ?, 1), '')" if pattern else f"min({column})"
    sql = f"""SELECT t FROM {_PEOPLE} JOIN (SELECT source, source_id, {value} AS t FROM {_GIVEN} GROUP BY 1, 2)
        USING (source, source_id) ORDER BY record"""
    return con.execute(sql, [pattern] if pattern else []).df()["t"]


def gather_ids(engine: ibis.BaseBackend, tables: Mapping[str, ibis.Table]) -> pd.DataFrame:
    """List every customer id that occurs in a table.

    Parameters
    ----------
    engine : ibis.BaseBackend
    tables : mapping of str to ibis.Table
        Canonical tables with the column ``_people`` next to their ids.

    Returns
    -------
    DataFrame
        source, source_id, each pair once, in order.
    """
    parts = [
        table.select(source=table[ID_SPACE], source_id=table[column].cast("string")).distinct()
        for table in tables.values()
        for column in _ID_COLUMNS
        if ID_SPACE in table.columns and column in table.columns
    ]
    if not parts:
        return pd.DataFrame({"source": [], "source_id": []}, dtype="str")
    ids = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0]
    return ids.filter(ids.source_id.notnull()).order_by("source", "source_id").to_pandas()


def name_everybody(
    match: Match, ids: pd.DataFrame, previous: pd.DataFrame, *, key: VaultKey, max_per_key: int
) -> Resolution:
    """Assign a OneID to every customer, also without a record of people; keep the OneIDs of the previous run.

    Parameters
    ----------
    match : Match
    ids : DataFrame
        `gather_ids`; an id that no source of people lists is a separate customer.
    previous : DataFrame
        source, source_id, customer_id of the previous run; may be empty.
    key : VaultKey
        Key of the vault or of the workspace.
    max_per_key : int
    """
    members = match.people.merge(match.clusters.members, on="record")
    orphans = ids.merge(members[["source", "source_id"]], how="left", indicator=True)
    orphans = orphans.loc[orphans["_merge"] == "left_only", ["source", "source_id"]]
    orphans = orphans.assign(cluster=len(members) + np.arange(len(orphans)))
    customers = pd.concat([members, orphans], ignore_index=True)
    names = name_customers(customers, previous, key=key)
    customers["customer_id"] = customers["cluster"].map(names.set_index("cluster")["customer_id"])
    identities = customers[["source", "source_id", "customer_id", "match_probability"]]
    people = customers[customers["record"].notna()].astype({"record": "int64"})
    households = find_households(match.engine.con, _PEOPLE, people, max_per_key=max_per_key)
    changes = log_changes(identities, previous)
    kinds = changes["kind"].value_counts()
    metrics = match.metrics | {
        "orphans": len(orphans),
        "households": int(households["household_id"].nunique()),
        **{f"changes.{kind}": int(kinds.get(kind, 0)) for kind in ("merged", "split", "new", "gone")},
    }
    return Resolution(identities, households, changes, metrics)


def seal_people(match: Match, resolution: Resolution, vault: Vault) -> dict[str, int]:
    """Move contact data into the vault; without a key it is deleted.

    Returns
    -------
    dict
        ``vaulted``: records in the vault; ``contact_deleted``: records whose contact data is deleted.
    """
    vault.check_replaceable()
    if vault.key is None:
        return {"vaulted": 0, "contact_deleted": _with_contact(match.engine.con)}
    con = match.engine.con
    con.register("identity_named", resolution.identities[["source", "source_id", "customer_id"]])
    sql = f"""SELECT n.customer_id, g.* FROM {_GIVEN} AS g JOIN identity_named AS n USING (source, source_id)
        ORDER BY g.precedence, g.record"""
    rows = vault.write(con.execute(sql).to_arrow_table())
    con.unregister("identity_named")
    return {"vaulted": rows, "contact_deleted": 0}


def _with_contact(con: duckdb.DuckDBPyConnection) -> int:
    """Count the records with contact data."""
    present = {row[0] for row in con.execute(f"DESCRIBE {_GIVEN}").fetchall()}
    columns = CANONICAL["customers"].columns
    contact = [column.name for column in columns if column.contact and column.name in present]
    has_contact = " OR ".join(f'"{name}" IS NOT NULL' for name in contact)
    return int(con.execute(f"SELECT count(*) FROM {_GIVEN} WHERE {has_contact}").fetchall()[0][0]) if has_contact else 0
